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

from inference.metrics import QUEUED, REQUESTS
from inference.replies import JSON, error_body

# How long a client that sends too much is read and ignored, so that it gets to see the answer.
LINGER_SECONDS = 10.0
# In a request's environment: how long it waited for a thread, in nanoseconds.
WAITED = "inference.waited_ns"


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


class JsonErrorTask(ErrorTask):  # type: ignore[misc]
    """Answers a request that never reaches the application, as JSON."""

    def execute(self) -> None:
        """Write the answer."""
        error = self.request.error
        adjustments = self.channel.server.adj
        body = error_body(_message(error, adjustments.max_request_body_size - 1))
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", JSON))
        if isinstance(error, QueueFull):
            self.response_headers.append(("Retry-After", "1"))
        else:
            self.channel.unread = error.code in (413, 431)
            self.set_close_on_finish()
        self.content_length = len(body)
        REQUESTS.labels("", "refused", str(error.code)).inc()
        # What has no good first line and headers has no command.
        self.write(b"" if getattr(self.request, "command", "") == "HEAD" else body)


class DrainingTask(WSGITask):  # type: ignore[misc]
    """Serves a request; while the server drains, it asks the client to go elsewhere with the next one."""

    def start(self) -> None:
        """Start the clock."""
        super().start()
        if self.channel.server.draining:
            self.set_close_on_finish()

    def get_environment(self) -> dict[str, Any]:
        """Return the WSGI environment."""
        return {**super().get_environment(), WAITED: self.channel.waited}


class Channel(HTTPChannel):  # type: ignore[misc]
    """One connection."""

    task_class = DrainingTask
    error_task_class = JsonErrorTask
    queued_at = 0
    waited = 0
    unread = False
    linger_until = 0.0

    def idle(self) -> bool:
        """Tell whether nothing is being read, served or sent."""
        return not (self.requests or self.request or self.total_outbufs_len)

    def service(self) -> None:
        """Serve the next request."""
        self.waited = 0
        if self.queued_at:
            self.waited = time.perf_counter_ns() - self.queued_at
            self.queued_at = 0
            QUEUED.dec()
        super().service()

    def handle_close(self) -> None:
        """Close; first let a client that is still sending see the answer (RFC 9112, section 9.6)."""
        if self.unread and self.connected:
            self.unread, self.will_close = False, False
            self.linger_until = time.monotonic() + LINGER_SECONDS
            try:
                self.socket.shutdown(socket.SHUT_WR)
                return
            except OSError:
                pass  # the client is gone: nothing to wait for
        super().handle_close()

    def readable(self) -> bool:
        """Read on while lingering, to throw it away."""
        return bool(self.linger_until) or bool(super().readable())

    def writable(self) -> bool:
        """Be called to close, once lingering has taken long enough."""
        if self.linger_until and time.monotonic() > self.linger_until:
            self.will_close = True
        return bool(super().writable())

    def handle_read(self) -> None:
        """Read, or throw away what comes while lingering."""
        if self.linger_until:
            self.recv(1 << 16)
        else:
            super().handle_read()
