"""One case: the bytes of a request, and what becomes of them; and how to write requests byte for byte."""

from typing import NamedTuple

SEEN = 404
HOST = b"Host: x"
CHUNKED = b"Transfer-Encoding: chunked"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n"


class Case(NamedTuple):
    """The bytes of a request, the status due to it, and whether the connection ends though it was read."""

    name: str
    data: bytes
    status: int = SEEN
    closes: bool = False

    @property
    def ends(self) -> bool:
        """Return whether nothing is to be answered after it."""
        return self.closes or self.status != SEEN


def head(line: bytes, *lines: bytes) -> bytes:
    """Join the lines of a head."""
    return b"\r\n".join([line, *lines, b"", b""])


def get(*lines: bytes, target: bytes = b"/first", version: bytes = b"HTTP/1.1") -> bytes:
    """Make a GET whose lines are all given."""
    return head(b"GET %s %s" % (target, version), *lines)


def post(*lines: bytes, body: bytes = b"", version: bytes = b"HTTP/1.1") -> bytes:
    """Make a POST with a Host, of some lines and a body as it goes over the wire."""
    return head(b"POST /first " + version, HOST, *lines) + body


def sized(value: bytes, body: bytes = b"hello") -> bytes:
    """Make a POST with this value of Content-Length."""
    return post(b"Content-Length:" + value, body=body)


def coded(value: bytes) -> bytes:
    """Make a POST with this value of Transfer-Encoding, whose body would be a request if it were none."""
    chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)
    return post(b"Transfer-Encoding:" + value, body=chunk)


def chunked(body: bytes, *lines: bytes) -> bytes:
    """Make a POST whose body in chunks is given as it goes over the wire."""
    return post(CHUNKED, *lines, body=body)
