"""What the front needs of the layers that use it, which are passed to it by constructor."""

from typing import Any, Protocol

from inference.http.connection import Connection
from inference.messages import Headers, Reply
from inference.observe.observer import Asked


class Dispatcher(Protocol):
    """Decides where requests run. Its methods are called on the I/O loop, `add_task` from any thread."""

    def connect(self, wake: Any, all_busy: Any) -> None:
        """Take what wakes the I/O loop, and what returns whether each of its connections has a request."""

    def add_task(self, task: Connection) -> None:
        """Take a connection whose next request is complete."""

    def turn(self) -> float:
        """Run or place all requests that came; return for how many seconds the I/O loop may sleep."""

    def is_queued(self, connection: Connection) -> bool:
        """Return whether the first request of a connection still waits to be run."""

    def forget(self, connection: Connection) -> bool:
        """Drop the requests of a closed connection; return whether a thread still answers its first one."""


class Recorder(Protocol):
    """Records what the front refuses."""

    def refused(self, asked: Asked, identity: str | None, limit: str, reply: Reply) -> Headers:
        """Record a request that no endpoint saw; return headers for the response."""

    def limited(self, limit: str) -> None:
        """Count a connection that is closed by a limit, without a response."""
