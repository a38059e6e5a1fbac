"""Turns the bytes of one connection into requests, within the limits. Pure: the clock is an argument.

A connection reads heads and bodies in turn. Once a request is refused nothing more is read: the next bytes
could be the refused request's body as well as another request.
"""

from http import HTTPStatus

from inference.http import head as heads
from inference.http.body import Body, Chunked, Sized, Whole, too_large
from inference.http.head import END, Head, bad
from inference.http.limits import Limits, Refusal, too_slow
from inference.http.request import UNREAD, HttpRequest

# The first byte of a TLS handshake record (RFC 8446, section 5.1); no HTTP method begins with it.
_TLS = 0x16
# What Python's objects of a head take beside its bytes, about.
_HEAD_OBJECTS = 2048


class Reader:
    """The reading side of one connection."""

    def __init__(self, limits: Limits, now: float) -> None:
        """Wait for the first request; `now` is in seconds of a monotonic clock."""
        self._limits = limits
        self._pending = b""
        self._head: Head | None = None
        self._body: Body | None = None
        # Since when the connection waits for a request, or for the rest of the one that has begun.
        self.since = now
        self._arrived = 0
        self._taken = 0
        # Nothing more is read, because a request was refused or a TLS handshake came.
        self.closed = False
        self.is_tls = False
        self._continue_sent = False

    @property
    def between_requests(self) -> bool:
        """Return whether no byte of a request has arrived since the last one."""
        return self._body is None and not self._pending

    @property
    def wants_continue(self) -> bool:
        """Return whether the client waits for `100 Continue` before it sends a body."""
        head = self._head
        return head is not None and head.expects_continue and not self._continue_sent and not self._arrived

    def continue_sent(self) -> None:
        """Note that the client was asked for the body."""
        self._continue_sent = True

    def feed(self, data: bytes, now: float) -> list[HttpRequest]:
        """Return the requests that `data` completes, in their order; the last one may be a refused one."""
        found: list[HttpRequest] = []
        at = 0
        if self.between_requests:
            self.since = now
        while at < len(data) and not self.closed:
            try:
                body = self._body
                at = self._feed_head(data, at) if body is None else self._feed_body(body, data, at)
            except Refusal as refusal:
                found.append(self._refused(refusal))
            else:
                if self._body is not None and self._body.complete:
                    found.append(self._completed(now))
        return found

    def rest(self) -> memoryview | None:
        """Return the memory that the socket may write the body to; None if it has to be fed."""
        return None if self._body is None or self.closed else self._body.rest()

    def advance(self, size: int, now: float) -> HttpRequest | None:
        """Note that the socket wrote `size` bytes to `rest`; return the request if that completes it."""
        body = self._body
        assert isinstance(body, Sized), body
        body.advance(size)
        self._arrived += size
        try:
            self._take(size)
        except Refusal as refusal:
            return self._refused(refusal)
        return self._completed(now) if body.complete else None

    def expired(self, now: float) -> HttpRequest | None:
        """Return the request that took too long to arrive, as a refused one; None if all is well."""
        seconds = now - self.since
        if self.closed or self.between_requests:
            return None
        if self._body is None:
            limit = self._limits.head_timeout
            if seconds <= limit:
                return None
            message = f"the request's head took longer than {limit:g} s (--head-timeout)"
            return self._refused(Refusal(HTTPStatus.REQUEST_TIMEOUT, message, "head_seconds"))
        if not too_slow(self._arrived, seconds, self._limits):
            return None
        message = f"the body arrives more slowly than {self._limits.min_rate} bytes/s (--min-rate)"
        return self._refused(Refusal(HTTPStatus.REQUEST_TIMEOUT, message, "body_rate"))

    def close(self) -> None:
        """Give back the memory of a request that will not be completed."""
        self.closed = True
        self._limits.memory.give_back(self._taken)
        self._taken, self._pending, self._body = 0, b"", None

    def _take(self, size: int) -> None:
        self._limits.memory.take(size)
        self._taken += size

    def _feed_head(self, data: bytes, at: int) -> int:
        if not self._pending:
            at = _skip_empty_lines(data, at)
            if at == len(data):
                return at
            if data[at] == _TLS:
                self.closed = self.is_tls = True
                return at
        before = len(self._pending)
        whole = self._pending + data[at:] if before else data if not at else data[at:]
        end = whole.find(END, max(0, before - len(END) + 1), self._limits.max_head)
        if end < 0:
            self._check_unfinished(whole)
            self._take(len(whole) - before)
            self._pending = whole
            return len(data)
        end += len(END)
        self._pending = b""
        return self._start_body(whole[:end], data, at + end - before)

    def _check_unfinished(self, text: bytes) -> None:
        if len(text) > self._limits.max_head:
            if b"\r\n" in text[: self._limits.max_head]:
                status, part = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head"
            else:
                status, part = HTTPStatus.REQUEST_URI_TOO_LONG, "request line"
            message = f"the {part} is longer than {self._limits.max_head} bytes (--max-head)"
            raise Refusal(status, message, "head_bytes")
        # Lines that end in a bare LF would never end this head: say so at once.
        if text.count(b"\n") != text.count(b"\r\n"):
            raise bad("a line of the head does not end in CR LF")

    def _start_body(self, text: bytes, data: bytes, at: int) -> int:
        """Parse the head `text`, and begin with the body at `data[at:]`; return where the rest begins."""
        limits = self._limits
        self._head = head = heads.parse(text, limits.max_headers)
        self._arrived = 0
        self._continue_sent = False
        self._take(len(text) + _HEAD_OBJECTS - self._taken)
        if head.length is None:
            self._body = Chunked(text, limits.max_body, limits.max_head)
            return at
        if head.length > limits.max_body:
            raise too_large(limits.max_body)
        if head.length <= len(data) - at:
            end = at + head.length
            self._take(head.length)
            self._body = Whole(memoryview(data)[at:end])
            return end
        self._body = Sized(head.length)
        return at

    def _feed_body(self, body: Body, data: bytes, at: int) -> int:
        before = len(body.view())
        end = body.feed(data, at)
        self._arrived += end - at
        self._take(len(body.view()) - before)
        return end

    def _completed(self, now: float) -> HttpRequest:
        assert self._head is not None, self._body
        assert self._body is not None, self._head
        request = HttpRequest(self._head, self._body)
        request.taken, self._taken = (self._limits.memory, self._taken), 0
        self._head = self._body = None
        self.since = now
        return request

    def _refused(self, refusal: Refusal) -> HttpRequest:
        head = self._head or UNREAD
        self.close()
        self._head = None
        return HttpRequest(head, refusal=refusal)


def _skip_empty_lines(data: bytes, at: int) -> int:
    """Return the first place that is no CR or LF: RFC 9112 (2.2) lets empty lines precede a request."""
    while at < len(data) and data[at] in b"\r\n":
        at += 1
    return at
