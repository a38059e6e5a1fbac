"""Where things are on the volume; docs/contract.md has its layout. Reads only."""

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import orjson

from inference.options import NAME

LINK = "current"


@dataclass(frozen=True, slots=True)
class Target:
    """What a model's link points at: the version, its directory, and which link it was.

    Two targets are equal if the link was not replaced in between, even by one that says the same.
    """

    version: str
    directory: Path
    link: tuple[int, int]


def model_names(volume: Path) -> list[str]:
    """Return the directories of the volume that have a link `current`, sorted; all else is foreign."""
    return sorted(
        entry.name
        for entry in os.scandir(volume)
        if NAME.fullmatch(entry.name) and entry.is_dir() and (volume / entry.name / LINK).is_symlink()
    )


def read_target(volume: Path, model: str) -> Target | None:
    """Resolve a model's link once; None if there is no link. The directory may be absent.

    The version is the directory's name, with question marks for bytes that are no UTF-8.
    """
    link = volume / model / LINK
    try:
        status = os.lstat(link)
        text = os.readlink(link)
    except OSError:
        return None
    directory = Path(os.path.realpath(link.parent / text))
    version = directory.name.encode(errors="replace").decode()
    return Target(version, directory, (status.st_ino, status.st_mtime_ns))


def digest(directory: Path) -> str | None:
    """Return the digest of a version by its manifest, 64 hex digits; None without one."""
    try:
        files = orjson.loads((directory / "manifest.json").read_bytes())["files"]
        lines = sorted((str(file["path"]), str(file["sha256"])) for file in files)
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return sha256("".join(f"{hashed}  {path}\n" for path, hashed in lines).encode()).hexdigest()
