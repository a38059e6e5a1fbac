"""waitress's connections, with our error bodies and our way to end them.

waitress answers what it refuses itself (a body too large, a broken header) as plain text, and closes at once:
a client that is still sending then sees a reset connection in place of the answer.
"""

import socket
import time
from typing import Any

from waitress.channel import HTTPChannel
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import Error

from inference.http.parser import Body, Parser
from inference.http.wire import ONE_WRITE_BYTES, View, head
from inference.messages import Headers, Reply, error_body
from inference.observe.observer import Asked

# How long a client that sends too much is read and ignored, so that it gets to see the answer.
LINGER_SECONDS = 10.0
# The most that one turn of the I/O loop reads of one body.
READ_BYTES = 1 << 20


class QueueFull(Error):  # type: ignore[misc]
    """The answer to a request beyond the bounded queue; the connection stays open for another try."""

    code = 503
    reason = "Service Unavailable"

    def __init__(self, limit: int) -> None:
        """Say how many requests wait already."""
        super().__init__(f"the server is busy: {limit} requests wait already; try again")


def _message(error: Any, max_body: int) -> str:
    match error.code:
        case 413:
            return f"the body is too large: this server takes {max_body} bytes (--max-body)"
        case 431:
            return f"the request's headers are too large: {error.body}"
        case 500:
            return "the server failed; its log says more"
    return str(error.body)


class _OneWrite:
    """What both kinds of tasks share: an answer is sent in one piece, without waitress's own head."""

    def send(self: Any, reply: Reply, fresh: Headers) -> None:
        """Send an answer, with headers that differ each time; decide whether the connection stays."""
        keep = not self.close_on_finish and self.channel.stays(self.request, self.version)
        if not keep:
            self.close_on_finish = True
        word = "" if keep == (self.version == "1.1") else "Keep-Alive" if keep else "close"
        self.wrote_header = True
        body = b"" if self.request.command == "HEAD" else reply.body
        start = head(reply, fresh, self.version, word)
        if len(body) <= ONE_WRITE_BYTES:
            self.channel.write_soon(start + body)
        else:
            self.channel.write_soon(start)
            self.channel.write_soon(View(body))


class JsonErrorTask(_OneWrite, ErrorTask):  # type: ignore[misc]
    """Answers a request that never reaches the application, as JSON."""

    def execute(self) -> None:
        """Send the answer."""
        error = self.request.error
        again = isinstance(error, QueueFull)
        if not again:
            self.channel.unread = error.code in (413, 431)
            self.close_on_finish = True
        message = _message(error, self.channel.server.adj.max_request_body_size - 1)
        headers = (("Retry-After", "1"),) if again else ()
        reply = Reply(error_body(message), error.code, headers=headers)
        said, observer = self.request.headers.get("X_REQUEST_ID"), self.channel.server.observer
        self.send(reply, observer.answered(self.channel.asked, said, "refused", "", reply, 0))


class Task(_OneWrite, WSGITask):  # type: ignore[misc]
    """Serves a request; while the server drains, it asks the client to go elsewhere with the next one."""

    def execute(self) -> None:
        """Send the answer that is there already, or else ask the application for one."""
        answer, self.channel.ready = self.channel.ready, None
        if answer is not None:
            self.send(*answer)
            return
        if self.channel.server.draining:
            self.set_close_on_finish()
        super().execute()


class Channel(HTTPChannel):  # type: ignore[misc]
    """One connection."""

    parser_class = Parser
    task_class = Task
    error_task_class = JsonErrorTask
    # The answer to the first of `requests`, if that does not go to the application.
    ready: tuple[Reply, Headers] | None = None
    unread = False
    # A thread makes the answer, and has not called the I/O loop yet.
    on_thread = False
    linger_until = 0.0

    def asked(self) -> Asked:
        """Return what is told of the first of `requests`, which may be none that can be read."""
        request = self.requests[0]
        path = getattr(request, "path", "")
        return Asked(request.command, path, str(self.addr[0]), request.headers.get("TRACEPARENT"))

    def answer(self, reply: Reply, fresh: Headers) -> None:
        """Answer the first of `requests`, with headers that differ each time, and go on with the next."""
        if self._plain(reply):
            self._answer_at_once(reply, fresh)
        else:
            self.ready = reply, fresh
            self.service()

    def _plain(self, reply: Reply) -> bool:
        """Tell whether nothing but to send a short answer is to be done, and the caller is the I/O loop."""
        return (
            len(self.requests) == 1
            and self.request is None
            and self.connected
            and not self.total_outbufs_len
            and len(reply.body) <= ONE_WRITE_BYTES
            and self.requests[0].version == "1.1"
            and self.stays(self.requests[0], "1.1")
            and self.server.on_loop()
        )

    def _answer_at_once(self, reply: Reply, fresh: Headers) -> None:
        """Do what `service` would: its task, locks and buffers take longer than a small model does."""
        text = head(reply, fresh, "1.1", "") + reply.body
        try:
            sent = self.send(text, do_close=False)
        except OSError:
            sent = 0  # what sends the rest meets it, too
        self.requests.pop().close()
        self.last_activity = time.time()
        if sent == len(text):
            self.server.poller.reads(self)
        else:
            self.write_soon(text[sent:])
            self.server.poller.touch(self)

    def stays(self, request: Any, version: str) -> bool:
        """Tell whether the connection is kept after the answer to a request of that version of HTTP."""
        if self.server.draining:
            return False
        said = request.headers.get("CONNECTION", "").lower()
        return bool(said == "keep-alive" if version == "1.0" else said != "close")

    def service(self) -> None:
        """Serve the first of `requests`; the I/O loop looks at the connection afterwards."""
        self.server.served_by.channel = self
        self.on_thread = not self.server.on_loop()
        try:
            super().service()
        finally:
            self.server.served_by.channel = None
            self.server.poller.touch(self)

    def add_channel(self, map: Any = None) -> None:
        """Be waited for."""
        super().add_channel(map)
        self.server.poller.touch(self)

    def del_channel(self, map: Any = None) -> None:
        """Be no longer waited for."""
        self.server.poller.forget(self._fileno)
        super().del_channel(map)

    def choked(self) -> bool:
        """Tell whether the client reads too slowly for another answer to be made now."""
        return bool(self.total_outbufs_len > self.adj.outbuf_high_watermark)

    def _flush_outbufs_below_high_watermark(self) -> None:
        # This waits for the I/O loop, so the I/O loop must not: `choked` holds back a client that it serves.
        if not self.server.on_loop():
            super()._flush_outbufs_below_high_watermark()

    def idle(self) -> bool:
        """Tell whether nothing is being read, served or sent."""
        return not (self.requests or self.request or self.total_outbufs_len)

    def handle_close(self) -> None:
        """Close, and give up the place in a queue.

        First a client that is still sending is let to see the answer (RFC 9112, section 9.6).
        """
        if self.unread and self.connected:
            self.unread, self.will_close = False, False
            self.linger_until = time.monotonic() + LINGER_SECONDS
            try:
                self.socket.shutdown(socket.SHUT_WR)
                return
            except OSError:
                pass  # the client is gone: nothing to wait for
        super().handle_close()
        self.server.task_dispatcher.forget(self)

    def readable(self) -> bool:
        """Read on while lingering, to throw it away."""
        return bool(self.linger_until) or bool(super().readable())

    def writable(self) -> bool:
        """Be called to send what is left, or to close, for which lingering may have taken long enough."""
        if self.linger_until and time.monotonic() > self.linger_until:
            self.will_close = True
        if self.on_thread:
            # The thread sends by itself: the I/O loop would be told over and over that it can, to no end.
            return bool(self.will_close)
        return bool(super().writable())

    def handle_read(self) -> None:
        """Read, or throw away what comes while lingering."""
        body = self.request.body_rcv if self.request else None
        if self.linger_until:
            self.recv(1 << 16)
        elif isinstance(body, Body) and len(rest := body.rest()):
            self._read_into(body, rest[:READ_BYTES])
        else:
            super().handle_read()

    def _read_into(self, body: Body, rest: memoryview) -> None:
        """Receive a part of a body to where it belongs."""
        try:
            size = self.socket.recv_into(rest)
        except BlockingIOError:
            return
        except OSError:
            size = 0
        if size:
            body.advance(size)
            self.last_activity = time.time()
        else:
            self.handle_close()
