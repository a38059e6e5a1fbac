"""Which requests run where: quick models and all that takes no model on the I/O loop, the rest on threads.

waitress hands every request to a thread, by a queue without bound: for a small model that costs more than
the answer does, and a probe waits behind whatever is queued. Here the I/O loop decides once a turn, for all
requests that it has read by then. A request beyond the bounded queue is answered 503 at once.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from waitress.task import ThreadedTaskDispatcher

from inference.channel import Channel, QueueFull
from inference.direct import Call, Direct, address
from inference.guard import Guard, TooSlow
from inference.logs import logger
from inference.metrics import QUEUED, REJECTED
from inference.registry import Served

# How long the I/O loop may sleep, in seconds.
LONGEST_SLEEP = 1.0


def is_work(method: str, path: str) -> bool:
    """Tell whether a request runs a model, or waits for one to be loaded."""
    return method == "POST" and (path == "/score" or path.endswith(("/infer", "/load", "/unload")))


class LoopDispatcher:
    """Serves every request on the I/O loop."""

    def __init__(self) -> None:
        """Start with nothing."""
        super().__init__()
        self._arrived: deque[Channel] = deque()

    def add_task(self, task: Channel) -> None:
        """Take a connection whose next request is complete; called by the I/O loop or a thread."""
        self._arrived.append(task)

    def turn(self) -> float:
        """Serve or place all requests that came; called by the I/O loop, once a turn.

        Returns for how many seconds it may sleep then.
        """
        for _ in range(len(self._arrived)):
            channel = self._arrived.popleft()
            if channel.choked():
                self._arrived.append(channel)
            elif channel.connected:
                self._safely(self._place, channel)
        return LONGEST_SLEEP

    def _safely(self, do: Callable[..., None], *arguments: Any) -> None:
        try:
            do(*arguments)
        except Exception:
            logger.exception("a connection failed")

    def _place(self, channel: Channel) -> None:
        channel.service()

    def forget(self, channel: Channel) -> None:
        """Learn that a connection is closed."""


class Dispatcher(LoopDispatcher, ThreadedTaskDispatcher):  # type: ignore[misc]
    """waitress's threads behind a bounded queue, for all that the I/O loop does not serve itself."""

    def __init__(self, threads: int, queue: int, direct: Direct) -> None:
        """Start `threads` threads; at most `queue` requests wait for one."""
        super().__init__()
        self._limit = queue
        self._direct = direct
        self._guard = Guard()
        # What the I/O loop is to run in this turn: all requests to one model at once.
        self._quick: dict[str, tuple[Served, list[Call]]] = {}
        self.set_thread_count(threads)

    def turn(self) -> float:
        """Place all requests that came, then run the quick models."""
        sleep = super().turn()
        quick, self._quick = self._quick, {}
        for served, calls in quick.values():
            self._safely(self._serve, served, calls)
        return sleep

    def _place(self, channel: Channel) -> None:
        request = channel.requests[0]
        if request.error is not None or not is_work(request.command, request.path):
            channel.service()
            return
        call = Call(channel, address(request.command, request.path, request.query), self._direct)
        served = self._quick_model(call)
        if served:
            self._quick.setdefault(served.name, (served, []))[1].append(call)
        else:
            self._hand_over(call)

    def _quick_model(self, call: Call) -> Served | None:
        """Return the model that a call is for, if the I/O loop may run it: it never waits for one."""
        asked, headers = call.address, call.request.headers
        if asked is None or asked.route != "infer" or "CONTENT_ENCODING" in headers:
            return None
        served = self._direct.registry.at_hand(asked.model, asked.version)
        return served if served and served.pace.quick(len(call.request.body())) else None

    def _serve(self, served: Served, calls: list[Call]) -> None:
        try:
            measured = self._direct.serve(calls, served, self._guard.run)
        except TooSlow:
            served.pace.slow(time.monotonic_ns())
            for call in calls:
                self._hand_over(call)
        else:
            if measured:
                served.pace.on_loop(*measured, time.monotonic_ns())

    def _hand_over(self, call: Call) -> None:
        if not self._enqueue(call):
            REJECTED.inc()
            call.request.error = QueueFull(self._limit)
            call.channel.service()

    def _enqueue(self, call: Call) -> bool:
        with self.lock:
            idle = len(self.threads) - self.stop_count - self.active_count
            if len(self.queue) >= self._limit + idle:
                return False
            QUEUED.inc()
            self.queue.append(call)
            self.queue_cv.notify()
            return True

    def forget(self, channel: Channel) -> None:
        """Take a connection that is closed out of the queue: its place is free for another."""
        with self.lock:
            for call in [call for call in self.queue if call.channel is channel]:
                self.queue.remove(call)
                QUEUED.dec()
