"""One connection: waitress's channel, with our reader of requests and our way to write and to close."""

import socket
import time
from typing import Any

from waitress.channel import HTTPChannel

from inference.http.reader import Reader
from inference.http.request import FailedRequest, HttpRequest
from inference.http.shortcut import can_send_at_once, send_at_once
from inference.http.tasks import RefusalTask, Task
from inference.http.unsent import Unsent
from inference.messages import Headers, Reply
from inference.observe.observer import Asked

# How long a client that still sends is read and ignored after a refusal, so that it gets to see the response.
LINGER_SECONDS = 5.0
# The most that one turn of the I/O loop reads of one body.
READ_BYTES = 1 << 20
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connection(HTTPChannel):  # type: ignore[misc]
    """One connection. Its methods run on the I/O loop, but for `answer` and `service`."""

    parser_class = FailedRequest
    task_class = Task
    error_task_class = RefusalTask
    # The reply to the first of `requests`, if that does not go to the application.
    ready: tuple[Reply, Headers] | None = None
    # Whether the client may still be sending when the connection closes.
    linger = False
    linger_until = 0.0
    # A thread makes the response, and has not called the I/O loop yet.
    on_thread = False
    # When the client ended its half of the connection; 0: it has not.
    half_closed = 0.0
    probed = False
    # What serving/ has made of the first of `requests`.
    call: Any = None
    requests: list[Any]

    def __init__(self, server: Any, sock: socket.socket, addr: Any, adj: Any, map: Any) -> None:
        """Take a socket that was accepted."""
        now = time.monotonic()
        self.limits = server.limits
        self.reader = Reader(server.limits, now)
        self.answered = now
        self.unsent = Unsent(server.limits)
        # Set before waitress registers the connection, which counts it by its address.
        self.addr = addr
        super().__init__(server, sock, addr, adj, map=map)

    # --- Reading ---

    def readable(self) -> bool:
        """Return whether to read: not while the client leaves a response unread, nor beyond one request.

        The I/O loop calls this after each response: a client that waits for `100 Continue` is asked for its
        body then.
        """
        if self.reader.wants_continue:
            self.ask_to_continue()
        if self.linger_until:
            return True
        return not (
            self.half_closed
            or self.reader.closed
            or self.will_close
            or self.close_when_flushed
            or len(self.requests) > self.adj.channel_request_lookahead
            or self.total_outbufs_len
        )

    def handle_read(self) -> None:
        """Read what has come, to where it belongs."""
        rest = None if self.linger_until else self.reader.rest()
        try:
            if rest is None:
                data = self.socket.recv(self.adj.recv_bytes)
                size = len(data)
            else:
                data, size = b"", self.socket.recv_into(rest[:READ_BYTES])
        except BlockingIOError:
            return
        except OSError:
            self.handle_close()
            return
        if not size:
            self._ended()
        elif not self.linger_until:
            self._received(data, size)

    def _ended(self) -> None:
        """Note that the client sends no more; it may still read."""
        self.half_closed = time.monotonic()
        if self.linger_until or not (self.requests or self.total_outbufs_len):
            self.handle_close()
        elif not self.requests:
            self.close_when_flushed = True

    def _received(self, data: bytes, size: int) -> None:
        now = time.monotonic()
        if data:
            found = self.reader.feed(data, now)
        else:
            request = self.reader.advance(size, now)
            found = [request] if request else []
        for request in found:
            self.take(request)
        if self.reader.is_tls:
            self.handle_close()
        elif self.reader.wants_continue:
            self.ask_to_continue()

    def take(self, request: HttpRequest) -> None:
        """Queue a request; the first one goes to the dispatcher."""
        with self.requests_lock:
            self.requests.append(request)
            first = len(self.requests) == 1
        if first:
            self.server.add_task(self)

    def ask_to_continue(self) -> None:
        """Send `100 Continue`, once no response to an earlier request is due."""
        if not self.requests and self.connected:
            self.reader.continue_sent()
            self.write_soon(CONTINUE)

    # --- Writing ---

    def answer(self, reply: Reply, extra: Headers) -> None:
        """Answer the first of `requests`, with `extra` headers, and go on with the next; any thread."""
        if can_send_at_once(self, reply):
            send_at_once(self, reply, extra)
        else:
            self.ready = reply, extra
            self.service()

    def asked(self) -> Asked:
        """Return what the access log and traces record of the first of `requests`."""
        request = self.requests[0]
        client, parent = str(self.addr[0]), request.headers.get("TRACEPARENT")
        return Asked(request.command, request.text_path, client, parent)

    def stays_open(self, request: HttpRequest) -> bool:
        """Return whether the connection is kept after the response to a request."""
        return request.head.keep_alive and not self.server.draining and not self.half_closed

    def service(self) -> None:
        """Answer the first of `requests`; any thread. The I/O loop looks at the connection afterwards."""
        self.server.served_by.channel = self
        self.on_thread = not self.server.on_loop()
        try:
            super().service()
        finally:
            self.answered = time.monotonic()
            self.server.served_by.channel = None
            self.server.poller.touch(self)

    def write_soon(self, data: Any) -> int:
        """Send what the socket takes, and keep the rest for the I/O loop; never waits for the client."""
        written = int(super().write_soon(data))
        self._note_unsent()
        return written

    def _flush_outbufs_below_high_watermark(self) -> None:
        # waitress would keep this thread until the client has read. A response is in memory as a whole, so
        # there is nothing to wait for; `choked` holds back the next one, and time limits end the connection.
        pass

    def choked(self) -> bool:
        """Return whether the client has to read before another response is made."""
        return bool(self.total_outbufs_len)

    def handle_write(self) -> None:
        """Send more of what is left, or close."""
        super().handle_write()
        if self.connected:
            self._note_unsent()

    def _note_unsent(self) -> None:
        if self.total_outbufs_len or self.unsent.size:
            with self.outbuf_lock:
                self.unsent.note(self.total_outbufs_len, time.monotonic())

    def writable(self) -> bool:
        """Return whether to wait until the socket takes more, or the connection is to be closed."""
        if self.on_thread:
            # The thread sends by itself; the I/O loop would be told over and over that the socket takes more.
            return bool(self.will_close)
        return bool(super().writable())

    # --- The end ---

    def waits_since(self) -> float | None:
        """Return since when the connection waits for a request to be complete; None if one is in progress."""
        if self.requests or self.total_outbufs_len:
            return None
        return max(self.answered, self.reader.since)

    def idle(self) -> bool:
        """Return whether nothing is being read, served or sent."""
        return not (self.requests or self.total_outbufs_len) and self.reader.between_requests

    def handle_close(self) -> None:
        """Close, and give back what the connection holds.

        A client that is still sending is first let to see the response (RFC 9112, section 9.6).
        """
        if self.linger and self.connected and not self.half_closed and not self.linger_until:
            self.linger, self.will_close, self.close_when_flushed = False, False, False
            self.linger_until = time.monotonic() + LINGER_SECONDS
            try:
                self.socket.shutdown(socket.SHUT_WR)
                return
            except OSError:
                pass  # the client is gone: nothing to wait for
        super().handle_close()
        self.reader.close()
        self._note_unsent()
        if not self.server.task_dispatcher.forget(self):
            self.forget_requests()

    def forget_requests(self) -> None:
        """Give back the memory of requests that nobody answers any more."""
        with self.requests_lock:
            requests, self.requests = self.requests, []
        for request in requests:
            request.close()

    def add_channel(self, map: Any = None) -> None:
        """Wait for the connection's events."""
        super().add_channel(map)
        self.server.admission.opened(self.addr)
        self.server.poller.touch(self)

    def del_channel(self, map: Any = None) -> None:
        """Wait for them no longer."""
        if self._fileno is not None:
            self.server.poller.forget(self._fileno)
            self.server.admission.closed(self.addr)
        super().del_channel(map)
