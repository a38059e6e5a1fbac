"""The body of a request while it arrives: of a known length, or in chunks.

Memory grows with what arrives, not with what the head announces: the memory of a long body is reserved at
once, so that the socket writes into its place, but the system gives pages only as they are written.
"""

import re
from http import HTTPStatus
from typing import Any, Protocol

import numpy as np
from httptools import HttpParserError

from inference.http.head import END, bad, start_chunked
from inference.http.limits import RETRY, Refusal

_SIZE = re.compile(rb"[0-9A-Fa-f]+")


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


class Ends:
    """Finds where a body in chunks ends, which llhttp does not report; the syntax is llhttp's to check.

    It skips over the data of chunks, so that its cost grows with their number, whatever they hold.
    """

    def __init__(self) -> None:
        """Begin before the first chunk."""
        self.found = False
        # Bytes that are left of a chunk's data and the CR LF after it.
        self._skip = 0
        # The start of a chunk's line; after the last chunk, the last bytes seen.
        self._text = b""
        self._last_chunk = False

    def find(self, data: bytes, at: int) -> int:
        """Return where the rest after the body begins in `data[at:]`; the end of `data` if there is none."""
        while at < len(data) and not self.found:
            if self._skip:
                step = min(self._skip, len(data) - at)
                self._skip -= step
                at += step
            elif self._last_chunk:
                at = self._trailers(data, at)
            else:
                at = self._line(data, at)
        return at

    def _line(self, data: bytes, at: int) -> int:
        end = data.find(b"\n", at) + 1
        if not end:
            self._text += data[at:]
            return len(data)
        size = _SIZE.match(self._text + data[at:end])
        self._text = b""
        self._skip = int(size[0], 16) + 2 if size else len(data)
        if self._skip == 2:
            self._skip, self._last_chunk, self._text = 0, True, b"\r\n"
        return end

    def _trailers(self, data: bytes, at: int) -> int:
        text, before = self._text + data[at:], len(self._text)
        end = text.find(END)
        self._text = text[-len(END) + 1 :]
        if end < 0:
            return len(data)
        self.found = True
        return at + end + len(END) - before


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
        self._ends = Ends()
        self.complete = False

    def feed(self, data: bytes, at: int) -> int:
        """Feed the parser up to the end of the body."""
        end = self._ends.find(data, at)
        piece = data[at:end]
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
        if self._events.complete != self._ends.found:
            raise bad("the chunked body cannot be read: its end is in doubt")
        self.complete = self._ends.found
        return end

    def view(self) -> memoryview:
        """Return what has arrived."""
        return memoryview(self._events.body)

    def rest(self) -> None:
        """Return nothing: the parser must see the bytes."""
