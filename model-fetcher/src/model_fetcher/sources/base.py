"""What the fetcher and the publisher ask of a store: seven calls, whatever the store is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from model_fetcher.errors import NotFound
from model_fetcher.manifest import File

RANGE_BYTES = 8 << 20
"""The most that is read at once."""

Progress = Callable[[int], None]
"""Called with the number of bytes that went over the wire since the last call."""


class NoSuchBlob(NotFound):
    """The store is there, the blob is not."""


@dataclass(frozen=True, slots=True)
class Document:
    """A small blob, read whole."""

    data: bytes
    etag: str


class Source(Protocol):
    """The root of one model in a store.

    Paths are relative to the root; the empty path is the root itself, taken as a single blob. Errors are
    those of `model_fetcher.errors`; each call is safe from many threads.
    """

    url: str
    """The source as the user wrote it; holds no secret."""

    def read(self, path: str, unless: str = "") -> Document | None:
        """Read a small blob; None if its ETag is still `unless`. Raises NoSuchBlob, NotFound."""

    def list(self, prefix: str = "") -> list[File]:
        """All blobs below the root whose path begins with `prefix`, with sizes and ETags."""

    def stat(self, path: str) -> File:
        """Size and ETag of one blob. Raises NoSuchBlob, NotFound."""

    def read_range(self, path: str, etag: str, offset: int, length: int) -> bytes:
        """`length` bytes (at most RANGE_BYTES) at `offset`, read under `etag`.

        Raises SourceChanged if it is another by now.
        """

    def create(self, path: str, file: Path, progress: Progress) -> None:
        """Upload a file under a path that must be free. Raises Conflict."""

    def write(self, path: str, data: bytes, replacing: str) -> None:
        """Write a small blob if its ETag is `replacing` (empty: if there is none). Raises Conflict."""

    def close(self) -> None:
        """Give back connections."""
