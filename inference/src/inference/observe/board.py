"""What the workers of one server tell each other: each keeps one small file with what it serves.

They share no memory, and a scrape of the metrics is answered by any one of them. So is a probe, which is why
there is one more file for each worker until it has loaded its models for the first time.
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


def expect(directory: Path, number: int) -> None:
    """Say that a worker is about to start: none of them is ready before it is."""
    _start(directory, number).touch()


def arrive(directory: Path, number: int) -> None:
    """Say that a worker need not be waited for (any longer)."""
    _start(directory, number).unlink(missing_ok=True)


def waiting(directory: Path) -> bool:
    """Tell whether there is a worker to wait for."""
    return any(directory.glob("*.starts"))


def _start(directory: Path, number: int) -> Path:
    return directory / f"{number}.starts"


def _file(directory: Path, pid: int) -> Path:
    return directory / f"{pid}.serves"
