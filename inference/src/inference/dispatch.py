"""Which requests run where: the work on threads behind a bounded queue, all else on the I/O loop.

waitress queues without bound, and a probe waits behind whatever is queued. Here a request beyond the queue is
answered 503 at once, and everything that takes no model is answered by the I/O loop itself, even while all
threads are busy.
"""

import time
from collections import deque
from typing import Any

from waitress.task import ThreadedTaskDispatcher

from inference.channel import QueueFull
from inference.logs import logger
from inference.metrics import QUEUED, REJECTED


def is_work(method: str, path: str) -> bool:
    """Tell whether a request runs a model, or waits for one to be loaded."""
    return method == "POST" and (path == "/score" or path.endswith(("/infer", "/load", "/unload")))


class Dispatcher(ThreadedTaskDispatcher):  # type: ignore[misc]
    """waitress's threads with a bounded queue, and a list of what the I/O loop does itself."""

    def __init__(self, threads: int, queue: int) -> None:
        """Start `threads` threads; at most `queue` requests wait for one. 0 threads: all is inline."""
        super().__init__()
        self._limit = queue
        self._inline: deque[Any] = deque()
        self.set_thread_count(threads)

    def add_task(self, task: Any) -> None:
        """Take a connection whose next request is complete; called by the I/O loop or a thread."""
        request = task.requests[0]
        if request.error is None and self.threads and is_work(request.command, request.path):
            if self._enqueue(task):
                return
            REJECTED.inc()
            request.error = QueueFull(self._limit)
        # Not served here: the caller holds the connection's lock. The I/O loop's next turn takes it.
        self._inline.append(task)

    def _enqueue(self, task: Any) -> bool:
        with self.lock:
            idle = len(self.threads) - self.stop_count - self.active_count
            if len(self.queue) >= self._limit + idle:
                return False
            task.queued_at = time.perf_counter_ns()
            QUEUED.inc()
            self.queue.append(task)
            self.queue_cv.notify()
            return True

    def run_inline(self) -> None:
        """Serve what is for the I/O loop; called by it, once a turn."""
        for _ in range(len(self._inline)):
            task = self._inline.popleft()
            try:
                task.service()
            except Exception:
                logger.exception("a connection failed")
