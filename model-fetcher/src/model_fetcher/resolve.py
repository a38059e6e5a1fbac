"""From a source to the version that is wanted: a channel, a pinned version, or a plain source."""

from dataclasses import dataclass, replace
from hashlib import sha256

from model_fetcher.channel import parse_channel
from model_fetcher.errors import IntegrityError, NotFound
from model_fetcher.manifest import MANIFEST, File, Manifest, check_files, parse_manifest
from model_fetcher.names import check_path
from model_fetcher.sources.base import NoSuchBlob, Source

_SINGLE = "model.onnx"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A version to have on the volume, and where its files are in the store."""

    manifest: Manifest
    prefix: str = ""
    """What stands before a file's path in the store."""
    single: bool = False
    """The source itself is the one file."""
    previous: str | None = None
    """The version to fall back to."""
    etag: str = ""
    """The channel's ETag: the next poll asks only whether it is another."""

    @property
    def plain(self) -> bool:
        """No manifest in the store: hashes are made, not checked, and the listing is compared again."""
        return not self.prefix

    def blob(self, file: File) -> str:
        """Where the file is in the store."""
        return "" if self.single else self.prefix + file.path


def channel_path(channel: str) -> str:
    """Where a channel is, below the source."""
    return f"channels/{channel}.json"


def version_path(version: str) -> str:
    """Where a version is, below the source; ends with a slash."""
    return f"versions/{version}/"


def resolve(source: Source, channel: str, pod: str, seen: Wanted | None = None) -> Wanted | None:
    """What the source wants on the volume now; None if that is still what was `seen`.

    One conditional request if nothing changed. Raises NotFound, AccessDenied, IntegrityError, StoreError.
    """
    if seen is not None and seen.plain:
        wanted = _plain(source, seen.single)
        if wanted is not None:
            return None if wanted.manifest.version == seen.manifest.version else wanted
        seen = None  # it is gone, or somebody publishes versions here now
    try:
        document = source.read(channel_path(channel), seen.etag if seen else "")
    except NoSuchBlob:
        return _without_channel(source, channel)
    if document is None:
        return None
    pointer = parse_channel(document.data, f"{channel_path(channel)} of {source.url}")
    found = version(source, pointer.wanted_by(pod))
    return replace(found, previous=pointer.previous, etag=document.etag)


def version(source: Source, name: str) -> Wanted:
    """A version by its name. Raises NotFound that lists what there is."""
    path = version_path(name) + MANIFEST
    try:
        document = source.read(path)
    except NoSuchBlob:
        there = ", ".join(versions(source)) or "none"
        raise NotFound(f"version {name!r} is not in {source.url}; there are: {there}") from None
    assert document is not None
    manifest = parse_manifest(document.data, f"{path} of {source.url}")
    if manifest.version != name:
        raise IntegrityError(
            f"{path} of {source.url} is that of version {manifest.version!r}: publish it again"
        )
    return Wanted(manifest, version_path(name))


def versions(source: Source) -> list[str]:
    """The names of the versions that are whole, in the order of their names."""
    parts = (file.path.split("/") for file in source.list("versions/"))
    return [part[1] for part in parts if len(part) == 3 and part[2] == MANIFEST]


def _without_channel(source: Source, channel: str) -> Wanted:
    files = source.list()
    channels = [f.path[9:-5] for f in files if f.path.startswith("channels/") and f.path.endswith(".json")]
    if channels or any(file.path.startswith("versions/") for file in files):
        there = ", ".join(channels) or "none"
        raise NotFound(f"channel {channel!r} is not in {source.url}; there are: {there}. Publish to it first")
    wanted = _plain(source, single=not files)
    if wanted is None:
        raise NotFound(f"there is nothing at {source.url}: publish a model, or correct the source")
    return wanted


def _plain(source: Source, single: bool) -> Wanted | None:
    try:
        files = [source.stat("")] if single else source.list()
    except NoSuchBlob:
        return None
    if single:
        name = source.url.rstrip("/").rpartition("/")[2]
        files = [replace(files[0], path=_SINGLE if name.endswith(".onnx") else name)]
    # Versions without a channel: somebody is publishing here for the first time.
    if not files or any(file.path.startswith(("channels/", "versions/")) for file in files):
        return None
    try:
        for file in files:
            check_path(file.path)
        check_files(tuple(files))
    except IntegrityError as error:
        raise IntegrityError(f"{source.url} cannot be taken as a bundle: {error}") from error
    return Wanted(Manifest(_plain_version(files), tuple(files)), single=single)


def _plain_version(files: list[File]) -> str:
    lines = sorted(f"{file.path}\0{file.bytes}\0{file.etag}\n" for file in files)
    return "plain-" + sha256("".join(lines).encode()).hexdigest()[:12]
