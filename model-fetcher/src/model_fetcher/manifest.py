"""The manifest: what a version consists of. Pure; docs/contract.md has the format."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from model_fetcher.errors import IntegrityError
from model_fetcher.names import check_path

MANIFEST = "manifest.json"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class File:
    """One file of a bundle. `sha256` is empty for a plain source until the file has been read."""

    path: str
    bytes: int
    sha256: str = ""
    etag: str = ""
    """The ETag to read it under; empty where the first answer sets it. Not part of the manifest."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of one version, with free metadata."""

    version: str
    files: tuple[File, ...]
    created: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """The document as it is written to a store or a volume."""
        document = {
            "format": _FORMAT,
            "version": self.version,
            "created": self.created,
            "files": [{"path": f.path, "bytes": f.bytes, "sha256": f.sha256} for f in self.files],
            "metadata": dict(self.metadata),
        }
        return json.dumps(document, indent=2).encode() + b"\n"

    @property
    def digest(self) -> str:
        """64 hex digits over paths and contents: equal for equal bundles of any name."""
        return bundle_digest(self.files)

    @property
    def bytes(self) -> int:
        """Size of all files, in bytes."""
        return sum(file.bytes for file in self.files)


def bundle_digest(files: Iterable[File]) -> str:
    """The digest of a bundle: sha256 over its sorted lines `<sha256>  <path>`."""
    lines = (f"{file.sha256}  {file.path}\n" for file in sorted(files, key=lambda file: file.path))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def parse_manifest(data: bytes, where: str) -> Manifest:
    """Read a manifest that somebody else wrote.

    Raises IntegrityError that names `where` and what is wrong: not JSON, a missing key, a path outside
    its directory, a size or hash that is none.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"{where} is not JSON ({error}): publish the version again") from error
    try:
        return _build(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise IntegrityError(f"{where} is not a manifest: {_say(error)}") from error
    except IntegrityError as error:
        raise IntegrityError(f"{where} is refused: {error}") from error


def _build(document: Any) -> Manifest:
    if not isinstance(document, dict):
        raise ValueError("it is not a JSON object")
    if document["format"] != _FORMAT:
        raise ValueError(f"format is {document['format']!r}, this program reads {_FORMAT}")
    files = tuple(_file(entry) for entry in document["files"])
    check_files(files)
    created = document.get("created", "")
    return Manifest(str(document["version"]), files, str(created), dict(document.get("metadata") or {}))


def _file(entry: Any) -> File:
    path, size, sha256 = check_path(entry["path"]), entry["bytes"], entry["sha256"]
    if type(size) is not int or size < 0:
        raise ValueError(f"bytes of {path!r} is {size!r}, not a size")
    if not isinstance(sha256, str) or len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
        raise ValueError(f"sha256 of {path!r} is {sha256!r}, not 64 lower-case hex digits")
    return File(path, size, sha256)


def check_files(files: tuple[File, ...]) -> None:
    """Raise IntegrityError unless these files can stand side by side in one directory."""
    paths = {file.path for file in files}
    if not files:
        raise IntegrityError("it lists no files")
    if len(paths) < len(files):
        raise IntegrityError("it lists a path twice")
    if any(path.split("/")[0] == MANIFEST for path in paths):
        raise IntegrityError(f"{MANIFEST} is the name of the manifest itself: rename the file")
    for path in paths:
        for at in (i for i, character in enumerate(path) if character == "/"):
            if path[:at] in paths:
                raise IntegrityError(f"{path[:at]!r} is both a file and a directory")


def _say(error: Exception) -> str:
    return f"the key {error} is missing" if isinstance(error, KeyError) else str(error)
