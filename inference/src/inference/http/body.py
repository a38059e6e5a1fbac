"""The body of a request while it arrives: of a known length, or in chunks.

Memory grows with what arrives, not with what the head announces: the memory of a long body is reserved at
once, so that the socket writes into its place, but the system gives pages only as they are written.
"""

from http import HTTPStatus
from typing import Any, Protocol

import numpy as np
from httptools import HttpParserError

from inference.http.head import END, bad, start_chunked
from inference.http.limits import RETRY, Refusal


class Body(Protocol):
    """A body that arrives."""

    complete: bool

    def feed(self, data: bytes, at: int) -> int:
        """Take what belongs to the body from `data[at:]`; return where the rest begins. Raises Refusal."""

    def view(self) -> memoryview:
        """Return the body as far as it has arrived."""

    def rest(self) -> memoryview | None:
        """Return the memory that the socket may write to; None if the bytes must be fed."""


def too_large(max_body: int) -> Refusal:
    """Make the refusal of a body beyond the limit."""
    message = f"the body is too large: this server reads {max_body} bytes (--max-body)"
    return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message, "body_bytes")


class Whole:
    """A body that arrived with its head."""

    complete = True

    def __init__(self, view: memoryview) -> None:
        """Keep a view of what was read."""
        self._view = view

    def feed(self, data: bytes, at: int) -> int:
        """Take nothing more."""
        return at

    def view(self) -> memoryview:
        """Return the body."""
        return self._view

    def rest(self) -> None:
        """Return nothing: no byte is missing."""


class Sized:
    """A body of a known length."""

    def __init__(self, length: int) -> None:
        """Reserve the memory; raises Refusal if the system has none."""
        try:
            self._buffer: Any = np.empty(length, np.uint8)
        except MemoryError:
            message = "the server has no memory left; try again"
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, message, "in_progress_bytes", RETRY) from None
        self._arrived = 0
        self.complete = False

    def feed(self, data: bytes, at: int) -> int:
        """Copy what belongs to the body."""
        size = min(len(data) - at, len(self._buffer) - self._arrived)
        memoryview(self._buffer)[self._arrived : self._arrived + size] = data[at : at + size]
        self.advance(size)
        return at + size

    def advance(self, size: int) -> None:
        """Note that `size` bytes were written to `rest`."""
        self._arrived += size
        self.complete = self._arrived == len(self._buffer)

    def view(self) -> memoryview:
        """Return what has arrived."""
        return memoryview(self._buffer)[: self._arrived]

    def rest(self) -> memoryview:
        """Return the memory that is not written yet."""
        return memoryview(self._buffer)[self._arrived :]


class Chunked:
    """A body in chunks, which llhttp takes apart; chunk extensions and trailers are checked and dropped."""

    def __init__(self, head: bytes, max_body: int, max_framing: int) -> None:
        """Continue after `head`.

        Chunk lines and trailers may take `max_framing` bytes, and as many more as the body has: chunks of one
        byte would cost a hundred times the work of a plain body.
        """
        self._parser, self._events = start_chunked(head)
        self._max_body, self._max_framing = max_body, max_framing
        self._fed = 0
        self._last = END[1:]
        self.complete = False

    def feed(self, data: bytes, at: int) -> int:
        """Feed the parser up to the end of the body.

        The parser does not report where a request ends. A chunked one can end only after an empty line, so
        the data is fed in pieces that end there.
        """
        joined, before = self._last + data[at:], len(self._last)
        position = 0
        while not self.complete and position < len(joined) - before:
            end = joined.find(END, max(0, position + before - len(END) + 1))
            stop = len(joined) - before if end < 0 else end + len(END) - before
            self._feed(joined[before + position : before + stop])
            position = stop
        self._last = joined[-len(END) + 1 :]
        return at + position

    def _feed(self, piece: bytes) -> None:
        try:
            self._parser.feed_data(piece)
        except HttpParserError as error:
            raise bad(f"the chunked body cannot be read: {error}") from None
        self._fed += len(piece)
        size = len(self._events.body)
        if size > self._max_body:
            raise too_large(self._max_body)
        if self._fed - size > self._max_framing + size:
            message = f"chunk lines and trailers take more than {self._max_framing} bytes (--max-head)"
            raise Refusal(HTTPStatus.BAD_REQUEST, message, "chunk_framing")
        self.complete = self._events.complete

    def view(self) -> memoryview:
        """Return what has arrived."""
        return memoryview(self._events.body)

    def rest(self) -> None:
        """Return nothing: the parser must see the bytes."""
