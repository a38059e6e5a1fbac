"""waitress's tasks: how the response to a request is made and written, in one piece where it can be."""

from typing import Any

from waitress.task import ErrorTask, WSGITask
from werkzeug.wrappers import Response

from inference.http.limits import Refusal
from inference.http.wire import ONE_WRITE_BYTES, View, head
from inference.messages import Headers, Reply, error_body


class _OneWrite:
    """What both kinds of tasks share: a reply is written without waitress's own head."""

    def send(self: Any, reply: Reply, extra: Headers) -> None:
        """Write a reply with `extra` headers; decide whether the connection stays open."""
        keep = not self.close_on_finish and self.channel.stays_open(self.request)
        if not keep:
            self.close_on_finish = True
        word = "" if keep == (self.version == "1.1") else "Keep-Alive" if keep else "close"
        self.wrote_header = True
        # RFC 9110, section 9.3.2: the head of a response to HEAD is that of GET, and nothing follows it.
        body = b"" if self.request.command == "HEAD" else reply.body
        start = head(reply, extra, self.version, word)
        if len(body) <= ONE_WRITE_BYTES:
            self.channel.write_soon(start + body)
        else:
            self.channel.write_soon(start)
            self.channel.write_soon(View(body))


class RefusalTask(_OneWrite, ErrorTask):  # type: ignore[misc]
    """Answers a request that no endpoint sees, as JSON, and closes the connection."""

    def execute(self) -> None:
        """Write the response."""
        error = self.request.error
        self.close_on_finish = True
        if isinstance(error, Refusal):
            reply = Reply(error_body(error.message), error.status, headers=error.headers)
        else:
            # An exception that waitress caught and logged.
            reply = Reply(error_body("the server failed; its log says more"), 500)
        self.channel.linger = True
        self.send(reply, self.channel.server.record_refusal(self.channel, error, reply))


class Task(_OneWrite, WSGITask):  # type: ignore[misc]
    """Answers a request with a reply that is ready, or else by the WSGI application."""

    def execute(self) -> None:
        """Write the response."""
        ready, self.channel.ready = self.channel.ready, None
        self.send(*(ready or self._ask_application()))

    def _ask_application(self) -> tuple[Reply, Headers]:
        response = Response.from_app(self.channel.server.application, self.get_environment(), buffered=True)
        kind = response.headers.get("Content-Type", "")
        own = ("content-type", "content-length", "connection", "x-content-type-options")
        headers = tuple((name, value) for name, value in response.headers if name.lower() not in own)
        return Reply(response.get_data(), response.status_code, kind), headers
