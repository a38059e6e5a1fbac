"""Stores to fetch from: filled with real versions, and one that misbehaves."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import gettempdir
from threading import Event

from model_fetcher.errors import FetcherError
from model_fetcher.fetch import Delivery, Keep
from model_fetcher.manifest import File, Manifest
from model_fetcher.publish import promote, publish, read_bundle
from model_fetcher.sources.base import Document
from model_fetcher.sources.file import FileSource
from model_fetcher.volume import ModelDir

NOW = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
SOME = {"model.onnx": b"weights", "sub/labels.txt": b"zero\none\n"}


def write_files(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files below a directory, by their relative paths."""
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def put(root: Path, version: str, files: Mapping[str, bytes] = SOME, channel: str = "stable") -> Manifest:
    """Publish files as a version of the store at `root`, and point the channel at it."""
    bundle = read_bundle(write_files(root.parent / f"bundle-{version}", files))
    manifest = publish(FileSource(root), bundle, version, NOW, {}, lambda _: None)
    promote(FileSource(root), channel, version)
    return manifest


def manifest_of(version: str, files: Mapping[str, bytes]) -> Manifest:
    """The manifest of a version with these contents."""
    entries = (File(path, len(data), hashlib.sha256(data).hexdigest()) for path, data in files.items())
    return Manifest(version, tuple(entries))


def install(place: ModelDir, version: str, files: Mapping[str, bytes] = SOME) -> Path:
    """Put a complete version on the volume, as a finished download would."""
    place.prepare()
    manifest = manifest_of(version, files)
    stage = write_files(place.staging(version), {**files, "manifest.json": manifest.to_json()})
    place.install(stage, version)
    return place.path / "versions" / version


@contextmanager
def powerless(path: Path) -> Iterator[None]:
    """Be a user to whom modes apply: root becomes nobody, who may still pass through to `path`."""
    if os.geteuid() != 0:
        yield
        return
    for folder in path.parents:
        if folder != Path(gettempdir()) and folder.is_relative_to(gettempdir()):
            folder.chmod(folder.stat().st_mode | 0o055)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def delivery(root: Path, volume: Path, keep: Keep | None = None, pod: str = "pod-0") -> Delivery:
    """The way from a store to its place on a volume; prepared as the programs do."""
    place = ModelDir(volume / "digits")
    place.prepare()
    source = FaultyStore(root)
    return Delivery("digits", source, place, "stable", pod, keep or Keep(), lambda way, moved: None, Event())


class FaultyStore(FileSource):
    """A store that can be broken: `error` is raised by every read while it is set."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.error: FetcherError | None = None
        self.short_by = 0
        self.ranges: list[tuple[str, int, int]] = []

    def read(self, path: str, unless: str = "") -> Document | None:
        """See Source.read."""
        self._break()
        return super().read(path, unless)

    def read_range(self, path: str, etag: str, offset: int, length: int) -> bytes:
        """See Source.read_range; `short_by` bytes are cut off the end."""
        self._break()
        self.ranges.append((path, offset, length))
        return super().read_range(path, etag, offset, length - self.short_by)

    def _break(self) -> None:
        if self.error is not None:
            raise self.error
