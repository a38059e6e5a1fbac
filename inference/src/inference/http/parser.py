"""How requests are read off the wire: waitress's parser, with a memory for heads, and bodies in one piece.

waitress appends each part of a body to a buffer, which beyond 512 KiB is a file on disk; here the memory of a
body is taken once, and the socket writes into it. A client sends the same head again and again: one that was
read before is not read anew.
"""

from functools import lru_cache
from io import BytesIO
from typing import Any

from waitress.adjustments import Adjustments
from waitress.parser import HTTPRequestParser, ParsingError, TransferEncodingNotImplemented

# Longer heads are read each time; so many shorter ones are remembered.
REMEMBERED_BYTES, REMEMBERED_HEADS = 1024, 512
# Of a head.
_END = b"\r\n\r\n"


class Body:
    """The body of a request whose length is known, with what waitress expects of a receiver."""

    error = None

    def __init__(self, length: int, whole: memoryview | None = None) -> None:
        """Take the memory, which the system gives only as it is written; or be `whole`."""
        self._buffer = bytearray(length) if whole is None else whole
        self._at = 0 if whole is None else length
        self.completed = whole is not None

    def received(self, data: bytes) -> int:
        """Take what belongs to the body; return how much that was."""
        size = min(len(data), len(self._buffer) - self._at)
        self._buffer[self._at : self._at + size] = data if size == len(data) else data[:size]
        self.advance(size)
        self.completed = self._at == len(self._buffer)
        return size

    def advance(self, size: int) -> None:
        """Say that so much was written to `rest`."""
        self._at += size

    def rest(self) -> memoryview:
        """Return the memory that is not filled yet, but for its last byte: waitress must see the body end."""
        return memoryview(self._buffer)[self._at : -1]

    def view(self) -> memoryview:
        """Return the body."""
        return memoryview(self._buffer)

    def getfile(self) -> BytesIO:
        """Return the body as a file."""
        return BytesIO(self._buffer)

    def getbuf(self) -> "Body":
        """Return what waitress closes once the request is served."""
        return self

    def close(self) -> None:
        """Do nothing: the memory goes with the last array that is a view of it."""


class Parser(HTTPRequestParser):  # type: ignore[misc]
    """One request."""

    # Of a head that cannot be read.
    command = ""
    body_rcv: Any
    completed: bool
    _chunks: memoryview | None = None

    def received(self, data: bytes) -> int:
        """Take what belongs to the request; return how many bytes that was."""
        return self._received_whole(data) or int(super().received(data))

    def _received_whole(self, data: bytes) -> int:
        """Do the same in one step if it is all there, and nothing about it is special; else return 0."""
        if self.body_rcv is not None or self.header_plus or self.completed:
            return 0
        start = data.find(_END, 0, REMEMBERED_BYTES) + len(_END)
        known = _read(data[:start].lstrip(), self.adj) if start >= len(_END) else {}
        length: int = known.get("content_length", 0)
        end = start + length
        if not 0 < length < self.adj.max_request_body_size or end > len(data) or known.get("expect_continue"):
            return 0
        self._be(known)
        self.body_rcv = Body(length, memoryview(data)[start:end])
        self.headers_finished = self.completed = True
        return end

    def _be(self, known: dict[str, Any]) -> None:
        self.__dict__.update(known, headers=dict(known["headers"]))

    def parse_header(self, header_plus: bytes) -> None:
        """Read a head; raises waitress's ParsingError and TransferEncodingNotImplemented."""
        known = _read(header_plus, self.adj) if len(header_plus) <= REMEMBERED_BYTES else None
        if not known or "chunked" in known:
            super().parse_header(header_plus)
        else:
            self._be(known)
        receiver: Any = self.body_rcv
        if receiver is not None and not self.chunked:
            # A body that is too large is refused next, before any of it is received.
            fits = self.content_length < self.adj.max_request_body_size
            self.body_rcv = Body(self.content_length if fits else 0)

    def body(self) -> memoryview:
        """Return the whole body."""
        if isinstance(self.body_rcv, Body):
            return self.body_rcv.view()
        if self._chunks is None:
            # The stream of a body whose length was not known can be read once.
            self._chunks = memoryview(self.get_body_stream().read())
        return self._chunks


@lru_cache(maxsize=REMEMBERED_HEADS)
def _read(header_plus: bytes, adjustments: Adjustments) -> dict[str, Any]:
    """Return what a parser knows then; nothing of a head that is wrong."""
    parser = HTTPRequestParser(adjustments)
    try:
        parser.parse_header(header_plus)
    except (ParsingError, TransferEncodingNotImplemented):
        return {}
    return dict(vars(parser))
