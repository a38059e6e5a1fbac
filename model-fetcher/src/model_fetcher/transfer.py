"""Reading files out of a store: many ranges at once, handed over in order.

In order, because then a hash can follow the stream, and because what is on disk is always a beginning:
a download that was cut off goes on at the size of its file. Ranges of the next file are already under way
while the last of this one are written, so a thousand small files are as parallel as one large one.

Models that come at the same time share the memory of ranges: each has one, whatever the stores of others do.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from itertools import islice
from threading import Event, Lock

from model_fetcher.errors import IntegrityError, Stopped, StoreError
from model_fetcher.manifest import File
from model_fetcher.sources.base import RANGE_BYTES, Source


@dataclass(frozen=True, slots=True)
class Range:
    """A piece of one file: `bytes` bytes at `offset`."""

    file: File
    offset: int
    bytes: int


def plan_ranges(file: File, offset: int, size: int = RANGE_BYTES) -> Iterator[Range]:
    """The ranges of a file from `offset` bytes on, each of at most `size` bytes."""
    for start in range(offset, file.bytes, size):
        yield Range(file, start, min(size, file.bytes - start))


class Share:
    """How many ranges each of the reads that go on may hold: one, and its part of `connections` more."""

    def __init__(self, connections: int = 4) -> None:
        self.connections = connections
        self._reads = 0
        self._lock = Lock()

    def __enter__(self) -> None:
        with self._lock:
            self._reads += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._reads -= 1

    def each(self) -> int:
        """Return how many one of those that have entered may hold."""
        return 1 + self.connections // self._reads


_OF_THIS_PROCESS = Share()


def read_in_order(
    source: Source,
    ranges: Iterable[Range],
    blob: Callable[[File], str],
    stop: Event,
    share: Share = _OF_THIS_PROCESS,
) -> Generator[tuple[Range, bytes]]:
    """Each range with its bytes, in the order given, as many under way at once as its share allows.

    What it handed over counts until the next is asked for: have it dropped by then. Raises Stopped soon after
    `stop` is set, without waiting for what is under way.
    """
    reader, coming = _Reader(source, blob), iter(ranges)
    pool = ThreadPoolExecutor(share.connections, thread_name_prefix="range")
    waiting: deque[tuple[Range, Future[bytes]]] = deque()
    try:
        with share:
            while True:
                for piece in islice(coming, max(0, share.each() - len(waiting))):
                    waiting.append((piece, pool.submit(reader.read, piece)))
                if not waiting:
                    return
                yield _take(waiting, stop)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _take(waiting: deque[tuple[Range, Future[bytes]]], stop: Event) -> tuple[Range, bytes]:
    piece, future = waiting.popleft()
    while not stop.is_set():
        try:
            return piece, future.result(timeout=0.1)
        except NotYet:
            continue
    raise Stopped


class _Reader:
    """Reads ranges; all those of one file under the ETag that its first answer had."""

    def __init__(self, source: Source, blob: Callable[[File], str]) -> None:
        self._source = source
        self._blob = blob
        self._etags: dict[str, str] = {}
        self._lock = Lock()

    def read(self, piece: Range) -> bytes:
        path = self._blob(piece.file)
        data = self._source.read_range(path, self._etag(piece.file, path), piece.offset, piece.bytes)
        if len(data) != piece.bytes:
            raise StoreError(
                f"{path!r} of {self._source.url} gave {len(data)} of {piece.bytes} bytes at {piece.offset}"
            )
        return data

    def _etag(self, file: File, path: str) -> str:
        if file.etag:
            return file.etag
        with self._lock:
            if path not in self._etags:
                found = self._source.stat(path)
                if found.bytes != file.bytes:
                    raise IntegrityError(
                        f"{path!r} of {self._source.url} has {found.bytes} bytes, its manifest says "
                        f"{file.bytes}: it was changed after it was published; publish a new version"
                    )
                self._etags[path] = found.etag
            return self._etags[path]
