"""Responses as bytes: their heads, and bodies that are sent without a copy."""

import time
from functools import lru_cache
from http import HTTPStatus

from waitress.buffers import ReadOnlyFileBasedBuffer
from waitress.utilities import build_http_date

from inference.messages import Headers, Reply, all_headers

# Up to here a copy costs less than a second call of the system.
ONE_WRITE_BYTES = 1 << 16


def head(reply: Reply, extra: Headers, version: str, connection: str) -> bytes:
    """Return the head of a response with `extra` headers, which differ from one response to the next.

    `version` is `1.0` or `1.1`; `connection` is the header of that name, empty for none.
    """
    fixed, date = _fixed(reply.status, all_headers(reply), version, connection), _date(int(time.time()))
    # RFC 9110, section 8.6: a 204 has no length.
    length = f"Content-Length: {len(reply.body)}\r\n" if reply.status != HTTPStatus.NO_CONTENT else ""
    return f"{fixed}{_lines(extra)}{length}{date}".encode("latin-1", "replace")


@lru_cache(maxsize=1024)
def _fixed(status: int, headers: Headers, version: str, connection: str) -> str:
    if connection:
        headers = (*headers, ("Connection", connection))
    return f"HTTP/{version} {status} {HTTPStatus(status).phrase}\r\n{_lines(headers)}"


def _lines(headers: Headers) -> str:
    # A value never ends its line, whatever it holds.
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
