"""Writing to a store: publish, promote, rollback. Reading what is in it: list, verify."""

import hashlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from threading import Event

from model_fetcher.channel import Channel, parse_channel, point, step_back
from model_fetcher.errors import BundleRefused, Conflict, IntegrityError, NotFound
from model_fetcher.manifest import MANIFEST, File, Manifest, bundle_digest, check_files, parse_manifest
from model_fetcher.names import check_path
from model_fetcher.resolve import channel_path, version, version_path, versions
from model_fetcher.sources.base import NoSuchBlob, Progress, Source
from model_fetcher.transfer import plan_ranges, read_in_order

log = logging.getLogger(__name__)
_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Bundle:
    """A directory to be published: its files with their sizes and hashes."""

    folder: Path
    files: tuple[File, ...]

    @property
    def bytes(self) -> int:
        """Size of all files, in bytes."""
        return sum(file.bytes for file in self.files)


def read_bundle(folder: Path) -> Bundle:
    """Hash every file below a directory; hidden ones stay behind.

    Raises BundleRefused if there is none, if a link leads elsewhere than to a file of the directory, if a
    name is unsafe, or if a file cannot be read.
    """
    try:
        paths = sorted(check_path(path.relative_to(folder).as_posix()) for path in _files(folder))
        files = tuple(_hashed(folder, path) for path in paths)
        check_files(files)
    except (IntegrityError, OSError) as error:
        raise BundleRefused(f"bundle {folder} cannot be published: {error}") from error
    return Bundle(folder, files)


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        if not path.resolve().is_relative_to(folder.resolve()):
            raise BundleRefused(f"{path} is a link out of the bundle: put the file itself there")
        if path.is_symlink() and not path.is_file():
            raise BundleRefused(f"{path} is a link to a directory or to nothing: put the files there")
        if path.is_file():
            yield path


def _hashed(folder: Path, path: str) -> File:
    with (folder / path).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return File(path, os.fstat(file.fileno()).st_size, digest)


def check_unchanged(bundle: Bundle) -> None:
    """Raise BundleRefused unless the directory is what it was when it was hashed."""
    if read_bundle(bundle.folder) != bundle:
        raise BundleRefused(f"bundle {bundle.folder} changed while it was published: publish it again")


def default_version(bundle: Bundle, now: datetime) -> str:
    """UTC time plus a short content digest: sorts by time, tells contents apart."""
    return f"{now:%Y%m%dT%H%M%SZ}-{bundle_digest(bundle.files)[:8]}"


def publish(
    source: Source,
    bundle: Bundle,
    name: str,
    now: datetime,
    metadata: Mapping[str, str],
    progress: Progress,
) -> Manifest:
    """Write a bundle as a version: the files, then the manifest. No channel moves.

    Publishing the same bundle under the same name again is done already. An interrupted publish is taken
    up where it was. Raises Conflict if the version or one of its files is there with other content.
    """
    created = now.isoformat(timespec="seconds").replace("+00:00", "Z")
    manifest = Manifest(name, bundle.files, created, metadata)
    there = _published(source, name)
    if there is not None:
        if there.digest == manifest.digest:
            return there
        raise Conflict(f"version {name!r} is in {source.url} with other content: choose another --version")
    present = {file.path: file.bytes for file in source.list(version_path(name))}
    for file in bundle.files:
        _create(source, version_path(name) + file.path, bundle.folder / file.path, file, present, progress)
    check_unchanged(bundle)
    try:
        source.write(version_path(name) + MANIFEST, manifest.to_json(), replacing="")
    except Conflict:
        return publish(source, bundle, name, now, metadata, progress)
    return manifest


def _published(source: Source, name: str) -> Manifest | None:
    path = version_path(name) + MANIFEST
    try:
        document = source.read(path)
    except NoSuchBlob:
        return None
    assert document is not None
    return parse_manifest(document.data, f"{path} of {source.url}")


def _create(
    source: Source, path: str, local: Path, file: File, present: Mapping[str, int], progress: Progress
) -> None:
    if path not in present:
        try:
            source.create(path, local, progress)
            return
        except Conflict:
            log.info("somebody publishes the same version", extra={"path": path})
    found = replace(file, bytes=present.get(path, file.bytes))
    if found.bytes != file.bytes or _hash_of(source, found, path, progress) != file.sha256:
        raise Conflict(f"{path} is in {source.url} with other content: choose another --version")


def _hash_of(source: Source, file: File, path: str, progress: Progress) -> str:
    digest = hashlib.sha256()
    for _, data in read_in_order(source, plan_ranges(file, 0), lambda _: path, Event()):
        digest.update(data)
        progress(len(data))
    return digest.hexdigest()


def promote(source: Source, channel: str, name: str, percent: int = 100) -> Channel:
    """Point a channel at a version that is there."""
    version(source, name)
    return _move(source, channel, lambda now: point(now, name, percent))


def rollback(source: Source, channel: str) -> Channel:
    """Point a channel at the version before. Raises NotFound if there is no channel or none before."""

    def back(now: Channel | None) -> Channel:
        if now is None:
            raise NotFound(f"channel {channel!r} is not in {source.url}: publish or promote a version first")
        return step_back(now, channel)

    return _move(source, channel, back)


def _move(source: Source, name: str, change: Callable[[Channel | None], Channel]) -> Channel:
    """Change a channel by compare-and-swap: of two at once, the second starts from the first's result."""
    path = channel_path(name)
    for _ in range(_ATTEMPTS):
        try:
            document = source.read(path)
        except NoSuchBlob:
            document = None
        now = parse_channel(document.data, f"{path} of {source.url}") if document else None
        then = change(now)
        try:
            source.write(path, then.to_json(), replacing=document.etag if document else "")
            return then
        except Conflict:
            continue
    raise Conflict(f"channel {name!r} of {source.url} keeps changing: try again")


@dataclass(frozen=True, slots=True)
class Listed:
    """A version in a store and the channels that point at it."""

    manifest: Manifest
    channels: tuple[str, ...] = field(default=())


def list_versions(source: Source) -> list[Listed]:
    """The versions that are whole, the newest last. Raises NotFound if there is none."""
    pointers: dict[str, list[str]] = {}
    for file in source.list("channels/"):
        name = file.path.removeprefix("channels/").removesuffix(".json")
        if file.path.endswith(".json") and (document := source.read(file.path)) is not None:
            pointers.setdefault(parse_channel(document.data, file.path).version, []).append(name)
    found = [version(source, name) for name in versions(source)]
    if not found:
        raise NotFound(f"there is no version in {source.url}: publish one, or correct the source")
    listed = [Listed(w.manifest, tuple(pointers.get(w.manifest.version, ()))) for w in found]
    return sorted(listed, key=lambda entry: (entry.manifest.created, entry.manifest.version))


def verify(source: Source, name: str, progress: Progress, stop: Event) -> Manifest:
    """Read a version whole and compare every hash; raises IntegrityError that lists what differs."""
    wanted = version(source, name)
    hashes = {file.path: hashlib.sha256() for file in wanted.manifest.files}
    ranges = (piece for file in wanted.manifest.files for piece in plan_ranges(file, 0))
    for piece, data in read_in_order(source, ranges, wanted.blob, stop):
        hashes[piece.file.path].update(data)
        progress(len(data))
    wrong = [file.path for file in wanted.manifest.files if hashes[file.path].hexdigest() != file.sha256]
    if wrong:
        raise IntegrityError(
            f"version {name!r} of {source.url} is damaged: {', '.join(wrong)}; publish it anew"
        )
    return wanted.manifest
