"""Dynamic batching: where requests to one model wait to share a run with others.

A batch leaves when it is full, when its first request has waited `max_delay`, or when no connection is left
that could bring another request: a single client never waits for a batch. While one batch runs, the next one
gathers.
"""

import threading
from collections import deque
from collections.abc import Callable

from inference.models.bundle import Batching
from inference.observe.metrics import QUEUED
from inference.serving.call import Call

FOREVER = float("inf")


class BatchQueue:
    """The requests to one model. The I/O loop puts them in; a thread, or the loop, takes them out.

    Times are in seconds, but for `now`: nanoseconds of the clock that `Call.arrived` is of.
    """

    def __init__(self, model: str, batching: Batching) -> None:
        """Start empty; `batching` may change with the version."""
        self.model = model
        self.batching = batching
        self.running = False
        self._waiting: deque[Call] = deque()
        self._lock = threading.Lock()

    def put(self, call: Call) -> bool:
        """Let a request wait; return False if too many do so already."""
        with self._lock:
            if len(self._waiting) >= self.batching.max_queue:
                return False
            self._waiting.append(call)
        QUEUED.inc()
        return True

    def put_back(self, calls: list[Call]) -> None:
        """Let requests that were taken wait before all others."""
        with self._lock:
            self._waiting.extendleft(reversed(calls))
        QUEUED.inc(len(calls))

    def largest_body(self) -> int:
        """Return the bytes of the largest body of the next batch."""
        with self._lock:
            calls = list(self._waiting)[: self.batching.max_batch_size]
        return max([call.body_bytes for call in calls], default=0)

    def take(self) -> list[Call]:
        """Take the next batch; of requests with more than a row each it becomes several runs."""
        with self._lock:
            size = min(len(self._waiting), self.batching.max_batch_size)
            calls = [self._waiting.popleft() for _ in range(size)]
        QUEUED.dec(len(calls))
        return calls

    def due(self, now: int, all_busy: Callable[[], bool]) -> bool:
        """Return whether a batch is to leave; `all_busy` returns whether no connection could bring more."""
        waiting = len(self._waiting)
        if not waiting or self.running:
            return False
        full = waiting >= self.batching.max_batch_size
        return full or self._left(self.batching.max_delay, now) <= 0 or all_busy()

    def sleep(self, now: int) -> float:
        """Return after how many seconds the queue is to be looked at, if nothing comes until then."""
        delay = FOREVER if self.running else self.batching.max_delay
        return max(0.0, self._left(min(delay, self.batching.timeout), now))

    def _left(self, seconds: float, now: int) -> float:
        """Return what is left of so many seconds since the first request came."""
        try:
            return seconds - (now - self._waiting[0].arrived) / 1e9
        except IndexError:
            return FOREVER

    def expired(self, now: int) -> list[Call]:
        """Take the requests out that have waited for too long."""
        calls = []
        with self._lock:
            while self._left(self.batching.timeout, now) <= 0:
                calls.append(self._waiting.popleft())
        QUEUED.dec(len(calls))
        return calls

    def forget(self, unwanted: Callable[[Call], bool]) -> bool:
        """Take requests out that nobody waits for; return whether there were any."""
        with self._lock:
            kept = [call for call in self._waiting if not unwanted(call)]
            dropped = len(self._waiting) - len(kept)
            self._waiting = deque(kept)
        QUEUED.dec(dropped)
        return bool(dropped)
