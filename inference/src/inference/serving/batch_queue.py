"""Dynamic batching: where requests to one model wait to share a run with others.

A batch leaves when it is full, when its first request has waited `max_delay`, or when no connection is left
that could bring another one: a client that is alone never waits. While one batch runs, the next one gathers.
"""

import threading
import time
from collections import deque
from collections.abc import Callable

from inference.http.channel import Channel
from inference.models.bundle import Batching
from inference.observe.metrics import QUEUED
from inference.serving.calls import Call

FOREVER = float("inf")


class Lane:
    """The requests to one model. The I/O loop puts them in; a thread, or the loop, takes them out."""

    def __init__(self, model: str, batching: Batching, serve: Callable[["Lane"], None]) -> None:
        """`serve` takes a batch and answers it; `batching` may change with the version."""
        self.model = model
        self.batching = batching
        self.running = False
        self._serve = serve
        self._waiting: deque[Call] = deque()
        self._lock = threading.Lock()

    def put(self, call: Call) -> bool:
        """Let a request wait; False if too many do so already."""
        with self._lock:
            if len(self._waiting) >= self.batching.max_queue:
                return False
            self._waiting.append(call)
        QUEUED.inc()
        return True

    def put_back(self, calls: list[Call]) -> None:
        """Let requests wait that were taken, before all others."""
        with self._lock:
            self._waiting.extendleft(reversed(calls))
        QUEUED.inc(len(calls))

    def largest_body(self) -> int:
        """Return the bytes of the largest body of the next batch."""
        calls = list(self._waiting)[: self.batching.max_batch_size]
        return max(len(call.request.body()) for call in calls)

    def take(self) -> list[Call]:
        """Take the next batch; of requests with more than a row each it becomes several runs."""
        with self._lock:
            size = min(len(self._waiting), self.batching.max_batch_size)
            calls = [self._waiting.popleft() for _ in range(size)]
        QUEUED.dec(len(calls))
        return calls

    def due(self, all_busy: Callable[[], bool]) -> bool:
        """Tell whether a batch is to leave; `all_busy` tells whether no connection could bring more."""
        waiting = len(self._waiting)
        if not waiting or self.running:
            return False
        return (
            waiting >= self.batching.max_batch_size or self._left(self.batching.max_delay) <= 0 or all_busy()
        )

    def sleep(self) -> float:
        """Return in how many seconds something is to be done here, if nothing comes until then."""
        delay = FOREVER if self.running else self.batching.max_delay
        return max(0.0, self._left(min(delay, self.batching.timeout)))

    def _left(self, seconds: float) -> float:
        """Return what is left of so many seconds since the first request came."""
        try:
            return seconds - (time.perf_counter_ns() - self._waiting[0].arrived) / 1e9
        except IndexError:
            return FOREVER

    def expired(self) -> list[Call]:
        """Take the requests out whose time is over."""
        calls = []
        with self._lock:
            while self._left(self.batching.timeout) <= 0:
                calls.append(self._waiting.popleft())
        QUEUED.dec(len(calls))
        return calls

    def forget(self, channel: Channel) -> None:
        """Take the request of a connection out that is closed."""
        with self._lock:
            left = [call for call in self._waiting if call.channel is not channel]
            QUEUED.dec(len(self._waiting) - len(left))
            self._waiting = deque(left)

    def service(self) -> None:
        """Answer a batch; called by a thread of waitress's."""
        self._serve(self)

    def cancel(self) -> None:
        """Close the connections of all that wait; called by waitress."""
        for call in self.take():
            call.cancel()
