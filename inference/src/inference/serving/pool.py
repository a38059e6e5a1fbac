"""The threads that run what the I/O loop does not."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from inference.logs import logger
from inference.observe.metrics import QUEUED
from inference.serving.call import Call
from inference.serving.scheduler import Scheduler


class Work(Protocol):
    """Something that a thread does; `call` is the request that it answers, None if there may be several."""

    @property
    def call(self) -> Call | None:
        """Return the request."""

    def serve(self) -> None:
        """Do it."""


class Pool:
    """Runs works in the order of a scheduler. Any thread may call it."""

    def __init__(self, threads: int, most_waiting: int) -> None:
        """Share `threads` threads, and one more for each key that has none; they start when needed."""
        self._scheduler: Scheduler[Work] = Scheduler(threads, most_waiting)
        self.most_waiting = most_waiting
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(self._scheduler.most_running, thread_name_prefix="run")

    def offer(self, key: str, work: Work) -> bool:
        """Queue work; return False if too much of its key waits."""
        with self._lock:
            if not self._scheduler.offer(key, work):
                return False
            started = self._scheduler.start()
            QUEUED.inc(_requests(work))
        if started:
            self._threads.submit(self._serve, *started)
        return True

    def drop(self, unwanted: Callable[[Work], bool]) -> int:
        """Remove the waiting work of single requests that `unwanted` chooses; return how much it was."""
        with self._lock:
            dropped = self._scheduler.drop(unwanted)
        QUEUED.dec(dropped)
        return dropped

    def _serve(self, key: str, work: Work) -> None:
        """Do the work, then what waits: to hand that to another thread would take longer."""
        while True:
            QUEUED.dec(_requests(work))
            try:
                work.serve()
            except Exception:
                logger.exception("a request failed", extra={"fields": {"model": key}})
            with self._lock:
                self._scheduler.finish(key)
                started = self._scheduler.start()
            if started is None:
                return
            key, work = started


def _requests(work: Work) -> int:
    """Return how many requests wait with a work: those of a batch are counted by its queue."""
    return int(work.call is not None)
