"""From a wanted version to a complete, verified, fsynced directory, resumed where it was left."""

import errno
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

from model_fetcher.errors import IntegrityError, SourceChanged, Stopped, VolumeError
from model_fetcher.manifest import MANIFEST, File, Manifest
from model_fetcher.resolve import Wanted
from model_fetcher.sources.base import Source
from model_fetcher.transfer import plan_ranges, read_in_order

_READ_BYTES = 1 << 20
# Room for directories and for the manifest, beside the files themselves.
_SPARE_BYTES = 1 << 20

Count = Callable[[str, int], None]
"""Called with how bytes came ("fetched", "resumed", "linked") and how many, as they come."""


@dataclass(slots=True)
class _Part:
    """A file on its way: how much of it is on disk, and the hash over just that."""

    file: File
    path: Path
    bytes: int = 0
    resumed: bool = False
    hash: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    @property
    def whole(self) -> bool:
        return self.bytes == self.file.bytes


@dataclass(frozen=True, slots=True)
class Stage:
    """A staging directory for one version.

    `have` maps the sha256 of files on the same volume to their paths: they are linked, not fetched.
    """

    folder: Path
    have: Mapping[str, Path]
    count: Count
    stop: Event

    def fill(self, source: Source, wanted: Wanted) -> Manifest:
        """Bring every file of the version into the directory; returns its manifest, hashes filled in.

        Raises IntegrityError (what does not match is thrown away), SourceChanged (also if it was resumed
        and does not match), Stopped, and VolumeError if the disk is full; if it is too small, before the
        first byte is fetched.
        """
        with disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            parts = {file.path: self._begin(file) for file in wanted.manifest.files}
            _check_space(self.folder, parts.values())
            self._receive(source, wanted, parts)
            files = tuple(_check(part) for part in parts.values())
            manifest = replace(wanted.manifest, files=files)
            _write(self.folder / MANIFEST, manifest.to_json(), "wb", sync=True)
            _sync_folders(self.folder)
            return manifest

    def _begin(self, file: File) -> _Part:
        """Take what is there: a file of another version, or the beginning of an earlier download."""
        part = _Part(file, self.folder / file.path)
        part.path.parent.mkdir(parents=True, exist_ok=True)
        if not part.path.exists() and file.sha256 in self.have and self._link(part, self.have[file.sha256]):
            return part
        if part.path.exists() and part.path.stat().st_size > file.bytes:
            part.path.unlink()
        part.path.touch()
        self._hash(part, part.path)
        if file.sha256 and part.whole and part.hash.hexdigest() != file.sha256:
            part.path.unlink()
            part.path.touch()
            return _Part(file, part.path)
        if part.bytes:
            part.resumed = True
            self.count("resumed", part.bytes)
        return part

    def _link(self, part: _Part, source: Path) -> bool:
        # Hashed once more: a disk that lost bits must not hand them on, and reading costs less than fetching.
        self._hash(part, source)
        if part.whole and part.hash.hexdigest() == part.file.sha256:
            # Not every file system has hard links, and none has them to files of other users.
            with suppress(OSError):
                os.link(source, part.path)
                self.count("linked", part.bytes)
                return True
        part.bytes, part.hash = 0, hashlib.sha256()
        return False

    def _hash(self, part: _Part, path: Path) -> None:
        with path.open("rb") as file:
            while block := file.read(_READ_BYTES):
                if self.stop.is_set():
                    raise Stopped
                part.hash.update(block)
                part.bytes += len(block)

    def _receive(self, source: Source, wanted: Wanted, parts: Mapping[str, _Part]) -> None:
        open_parts = [part for part in parts.values() if not part.whole]
        ranges = (piece for part in open_parts for piece in plan_ranges(part.file, part.bytes))
        received = read_in_order(source, ranges, wanted.blob, self.stop)
        # Written beside the hash, which takes as long; the executor's end waits, so nothing is written later.
        with closing(received), ThreadPoolExecutor(1, "disk") as disk:
            for piece, data in received:
                part = parts[piece.file.path]
                part.bytes += len(data)
                # Synced when the last byte is in: the directory's new name must not outlive its contents.
                written = disk.submit(_write, part.path, data, "ab", sync=part.whole)
                part.hash.update(data)
                written.result()
                self.count("fetched", len(data))
                del data  # before the wait for the next: see read_in_order
                if part.whole:
                    _check(part)


def _check(part: _Part) -> File:
    found = part.hash.hexdigest()
    if part.file.sha256 in ("", found):
        return replace(part.file, sha256=found)
    part.path.unlink(missing_ok=True)
    if part.resumed:
        # The beginning may be what is wrong: a machine that lost power loses what was not yet synced.
        raise SourceChanged(
            f"{part.file.path!r} was resumed and came out wrong: it is fetched whole next time"
        )
    raise IntegrityError(
        f"{part.file.path!r} has sha256 {found}, its manifest says {part.file.sha256}: "
        "it was changed after it was published; publish a new version"
    )


def _check_space(folder: Path, parts: Iterable[_Part]) -> None:
    needed = sum(part.file.bytes - part.bytes for part in parts) + _SPARE_BYTES
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    if needed > free:
        raise VolumeError(
            f"{folder} has {free >> 20} MiB free, the version needs {(needed >> 20) + 1} MiB: "
            "make the volume larger, or keep fewer versions (--keep)"
        )


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn an OSError of the volume into a VolumeError that says what to do."""
    try:
        yield
    except OSError as error:
        cure = {
            errno.ENOSPC: "make the volume larger, or keep fewer versions (--keep)",
            errno.EDQUOT: "raise the quota, or keep fewer versions (--keep)",
            errno.EROFS: "mount the volume read-write for the fetcher",
            errno.EACCES: "give the fetcher's user the right to write (fsGroup)",
            errno.EPERM: "give the fetcher's user the right to write (fsGroup)",
        }.get(error.errno or 0, "check the volume")
        raise VolumeError(f"cannot write to {folder}: {error.strerror or error}; {cure}") from error


def _write(path: Path, data: bytes, mode: str, sync: bool) -> None:
    with path.open(mode) as file:
        file.write(data)
        if sync:
            file.flush()
            os.fsync(file.fileno())


def _sync_folders(top: Path) -> None:
    for folder, _, _ in os.walk(top):
        sync_folder(Path(folder))


def sync_folder(folder: Path) -> None:
    """Make the names in a directory durable."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
