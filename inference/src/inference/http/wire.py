"""Answers as bytes: the head of an HTTP response, and bodies that are sent without a copy."""

import time
from functools import lru_cache
from http import HTTPStatus

from waitress.buffers import ReadOnlyFileBasedBuffer
from waitress.utilities import build_http_date

from inference.messages import Headers, Reply, all_headers

# Up to here a copy costs less than a second call of the system.
ONE_WRITE_BYTES = 1 << 16


def head(reply: Reply, fresh: Headers, protocol: str, connection: str) -> bytes:
    """Write the head of an answer, with headers that differ each time.

    `protocol` is `1.0` or `1.1`, `connection` is empty if nothing is said.
    """
    fixed, date = _fixed(reply.status, all_headers(reply), protocol, connection), _date(int(time.time()))
    return f"{fixed}{_lines(fresh)}Content-Length: {len(reply.body)}\r\n{date}".encode("latin-1", "replace")


@lru_cache(maxsize=1024)
def _fixed(status: int, headers: Headers, protocol: str, connection: str) -> str:
    if connection:
        headers = (*headers, ("Connection", connection))
    return f"HTTP/{protocol} {status} {HTTPStatus(status).phrase}\r\n{_lines(headers)}"


def _lines(headers: Headers) -> str:
    return "".join([f"{name}: {''.join(value.splitlines())}\r\n" for name, value in headers])


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return f"Date: {build_http_date(second)}\r\n\r\n"


class View(ReadOnlyFileBasedBuffer):  # type: ignore[misc]
    """A body for waitress's list of what is to be sent, in place of the copy that it would make."""

    def __init__(self, body: bytes | memoryview) -> None:
        """Be a view of the body."""
        self._rest = memoryview(body)

    @property
    def remain(self) -> int:
        """Return how many bytes are to be sent yet."""
        return len(self._rest)

    def get(self, numbytes: int = -1, skip: bool = False) -> memoryview:
        """Return the next bytes."""
        part = self._rest if numbytes < 0 else self._rest[:numbytes]
        if skip:
            self.skip(len(part))
        return part

    def skip(self, numbytes: int, allow_prune: bool = False) -> None:
        """Let go of bytes that are sent."""
        self._rest = self._rest[numbytes:]

    def close(self) -> None:
        """Let go of all."""
        self._rest = memoryview(b"")
