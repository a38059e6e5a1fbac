"""What the workers of one server tell each other: each keeps one small file with what it serves.

They share no memory, and a scrape of the metrics is answered by any one of them.
"""

import os
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson


@dataclass(frozen=True, slots=True)
class Row:
    """A version that serves, and since when, in seconds since 1970."""

    model: str
    version: str
    digest: str
    since: float


def write(directory: Path, rows: list[Row]) -> None:
    """Say what this process serves, in place of what it said before."""
    file = _file(directory, os.getpid())
    new = file.with_suffix(".new")
    new.write_bytes(orjson.dumps([asdict(row) for row in rows]))
    new.replace(file)


def read(directory: Path) -> list[Row]:
    """Return what all processes serve, each version once, with the time when the first of them had it."""
    found: dict[tuple[str, str, str], Row] = {}
    for file in directory.glob("*.serves"):
        try:
            rows = [Row(**row) for row in orjson.loads(file.read_bytes())]
        except FileNotFoundError:  # it ended just now
            continue
        for row in rows:
            first = found.setdefault((row.model, row.version, row.digest), row)
            found[row.model, row.version, row.digest] = min(first, row, key=lambda one: one.since)
    return list(found.values())


def forget(directory: Path, pid: int) -> None:
    """Take away what a process said that has ended."""
    _file(directory, pid).unlink(missing_ok=True)


def _file(directory: Path, pid: int) -> Path:
    return directory / f"{pid}.serves"
