"""S3 and Google Cloud Storage as stores: `s3://BUCKET/PREFIX/digits`, `gs://BUCKET/PREFIX/digits`."""

import logging
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import BaseError, NotModifiedError, PreconditionError
from obstore.store import GCSStore, S3Store

from model_fetcher.errors import AccessDenied, Conflict, FetcherError, SourceChanged
from model_fetcher.manifest import File
from model_fetcher.sources.auth import SignIn
from model_fetcher.sources.base import Document, Progress
from model_fetcher.sources.objects_auth import only
from model_fetcher.sources.objects_errors import Place, reason, translated

log = logging.getLogger(__name__)

_SCRATCH = ".tmp"
_PART_BYTES = 8 << 20
_COPY_LIMIT = 5 << 30


class ObjectSource:
    """A prefix of a bucket as the root of a model; `scheme` is `s3` or `gs`."""

    def __init__(self, url: str, scheme: str, bucket: str, root: str, sign_in: SignIn) -> None:
        self.url = url
        self._root = root
        self._place = Place(scheme, bucket, sign_in.endpoint, sign_in.method)
        self._shown: Mapping[str, str] = sign_in.credential
        self._store = self._open("30s")

    @cached_property
    def _writer(self) -> S3Store | GCSStore:
        # A part is on its way for long where the line is slow, and a server copies gigabytes in one request.
        return self._open("15m")

    def read(self, path: str, unless: str = "") -> Document | None:
        """See Source.read."""
        with self._errors("read", path):
            try:
                found = obstore.get(
                    self._store, self._key(path), options={"if_none_match": unless} if unless else {}
                )
            except NotModifiedError:
                return None
            return Document(found.bytes().to_bytes(), found.meta["e_tag"] or "")

    def list(self, prefix: str = "") -> list[File]:
        """See Source.list. Markers of directories and our own scratch are left out."""
        start = f"{self._root}/"
        with self._errors("list", prefix):
            metas = [meta for batch in obstore.list(self._store, start + prefix) for meta in batch]
        found = {meta["path"].removeprefix(start): meta for meta in metas if meta["path"] != self._root}
        # obstore takes the slash off a name: an empty blob that has others below it is a marker.
        above = {path[:at] for path in found for at, letter in enumerate(path) if letter == "/"}
        return [
            File(path, meta["size"], etag=meta["e_tag"] or "")
            for path, meta in found.items()
            if (meta["size"] or path not in above) and not path.startswith(f"{_SCRATCH}/")
        ]

    def stat(self, path: str) -> File:
        """See Source.stat."""
        with self._errors("look at", path):
            found = obstore.head(self._store, self._key(path))
            return File(path, found["size"], etag=found["e_tag"] or "")

    def read_range(self, path: str, etag: str, offset: int, length: int) -> bytes:
        """See Source.read_range."""
        condition = {"if_match": etag} if etag else {}
        with self._errors("read", path):
            try:
                options: Any = {"range": (offset, offset + length), **condition}
                return obstore.get(self._store, self._key(path), options=options).bytes().to_bytes()
            except PreconditionError as error:
                raise SourceChanged(f"{path!r} of {self.url} changed while it was read") from error

    def create(self, path: str, file: Path, progress: Progress) -> None:
        """See Source.create. A large file goes to a scratch name in parts, and is copied from there.

        obstore puts parts together unconditionally; the copy, made by the server, fails if the name is taken.
        """
        size = file.stat().st_size
        if self._place.scheme == "s3" and size > _COPY_LIMIT:
            raise FetcherError(
                f"{file} has {size >> 20} MiB, and S3 copies at most 5 GiB in one piece: spread the weights "
                "over several files"
            )
        if size <= _PART_BYTES:
            with self._errors("write", path):
                obstore.put(self._writer, self._key(path), file.read_bytes(), mode="create")
            progress(size)
            return
        scratch = self._key(f"{_SCRATCH}/{uuid.uuid4().hex}")
        with self._errors("write", path):
            blocks = _blocks(file, progress)
            obstore.put(self._writer, scratch, blocks, chunk_size=_PART_BYTES, max_concurrency=4)
            try:
                obstore.copy(self._writer, scratch, self._key(path), overwrite=False)
            finally:
                self._discard(scratch)

    def write(self, path: str, data: bytes, replacing: str) -> None:
        """See Source.write."""
        with self._errors("write", path):
            mode: Any = self._version(path, replacing) if replacing else "create"
            obstore.put(self._writer, self._key(path), data, mode=mode)

    def close(self) -> None:
        """Nothing to do: obstore keeps its connections for the whole process."""

    def _open(self, timeout: str) -> S3Store | GCSStore:
        plain = self._place.endpoint.startswith("http://")
        options: Any = {
            "client_options": {"timeout": timeout, "connect_timeout": "5s", "allow_http": plain},
            # obstore's own policy goes on for three minutes before it gives up.
            "retry_config": {"max_retries": 3, "backoff": {"init_backoff": timedelta(seconds=1)}},
        }
        with only(self._place.scheme, self._shown):
            try:
                if self._place.scheme == "gs":
                    return GCSStore(self._place.bucket, **options)
                s3: Any = {"copy_if_not_exists": "multipart", "disable_bulk_delete": True}
                return S3Store(self._place.bucket, **s3, **options)
            except BaseError as error:
                # Not what obstore says: it may quote a key that it cannot read.
                raise AccessDenied(f"cannot sign in to {self.url}; {self._place.cure}") from error

    def _key(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root

    def _version(self, path: str, etag: str) -> dict[str, str]:
        """What a write replaces: S3 compares ETags, Google generations."""
        try:
            found = obstore.head(self._store, self._key(path))
        except FileNotFoundError:
            raise Conflict(f"{path!r} of {self.url} was removed by somebody else: try again") from None
        if found["e_tag"] != etag:
            raise Conflict(f"{path!r} of {self.url} was changed by somebody else: try again")
        named = {"e_tag": found["e_tag"], "version": found["version"]}
        return {name: text for name, text in named.items() if text}

    def _discard(self, key: str) -> None:
        try:
            obstore.delete(self._writer, key)
        except (BaseError, OSError) as error:
            told = {"blob": key, "reason": reason(str(error))}
            log.warning("a scratch copy is left in the store: remove it", extra=told)

    @contextmanager
    def _errors(self, verb: str, path: str) -> Iterator[None]:
        doing = f"cannot {verb} {path!r} of {self.url}"
        try:
            yield
        except FetcherError:
            raise
        # obstore has two of its errors from Python: FileNotFoundError, and ValueError for a name.
        except (BaseError, FileNotFoundError, ValueError) as error:
            raise translated(doing, error, self._place) from error


def _blocks(file: Path, progress: Progress) -> Iterator[bytes]:
    with file.open("rb") as data:
        while block := data.read(_PART_BYTES):
            yield block
            progress(len(block))
