"""What a client may make the front take: sizes, times and numbers, with the memory that bodies share."""

import threading
from dataclasses import dataclass, field
from http import HTTPStatus

from inference.messages import Headers

RETRY: Headers = (("Retry-After", "1"),)


class Refusal(Exception):
    """A request that the front answers itself, before any endpoint sees it.

    `limit` names the limit for the metric; empty: the request breaks the protocol. The connection closes
    after the response, because what follows a refused request on it cannot be trusted.
    """

    def __init__(self, status: HTTPStatus, message: str, limit: str = "", headers: Headers = ()) -> None:
        """Keep the status, and the sentence that the client gets as `{"error": message}`."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.limit = limit
        self.headers = headers


class Memory:
    """The bytes that all requests in progress share: heads, bodies, and responses that are not sent yet.

    Any thread may call it.
    """

    def __init__(self, limit: int) -> None:
        """Start with nothing taken; `limit` is in bytes."""
        self.limit = limit
        self._used = 0
        self._lock = threading.Lock()

    @property
    def used(self) -> int:
        """Return the bytes that are taken now."""
        return self._used

    def take(self, size: int) -> None:
        """Take `size` bytes; raises Refusal (503) if they are not free."""
        with self._lock:
            if self._used + size <= self.limit:
                self._used += size
                return
        raise Refusal(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"the server is busy: requests in progress hold all {self.limit} bytes of --max-in-progress; "
            "try again",
            "in_progress_bytes",
            RETRY,
        )

    def force(self, size: int) -> None:
        """Take `size` bytes that exist already, whatever the limit: later requests feel it."""
        with self._lock:
            self._used += size

    def give_back(self, size: int) -> None:
        """Give `size` bytes back."""
        with self._lock:
            self._used -= size


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one listener. Sizes in bytes, times in seconds, rates in bytes a second."""

    max_head: int = 32 << 10
    max_headers: int = 100
    max_body: int = 64 << 20
    head_timeout: float = 10.0
    idle_timeout: float = 120.0
    # How long a client may stall while it sends a body or reads a response, before `min_rate` holds.
    stall_timeout: float = 20.0
    min_rate: int = 1024
    max_connections: int = 4096
    max_connections_per_address: int = 1024
    memory: Memory = field(default_factory=lambda: Memory(512 << 20))


def too_slow(moved: int, seconds: float, limits: Limits) -> bool:
    """Return whether a transfer of `moved` bytes in `seconds` is slower than the limits allow."""
    return moved < limits.min_rate * (seconds - limits.stall_timeout)
