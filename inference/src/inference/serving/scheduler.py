"""Which waiting work starts next: fair between models, each queue bounded. Pure, and not thread-safe."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

# The most keys that have a slot of their own at the same time.
RESERVED = 64


@dataclass(slots=True)
class _Queue(Generic[T]):
    waiting: deque[T] = field(default_factory=deque)
    running: int = 0


class Scheduler(Generic[T]):
    """Queues of work by key, such as a model's name, over slots that they share.

    A key without running work may always start one, even when others hold all slots: a saturated slow model
    does not delay a quick one. The slots beyond go to the key that runs the least.
    """

    def __init__(self, slots: int, most_waiting: int) -> None:
        """Share `slots`; at most `most_waiting` works of one key wait."""
        self._slots = slots
        self._most_waiting = most_waiting
        self._queues: dict[str, _Queue[T]] = {}
        self._running = 0

    @property
    def most_running(self) -> int:
        """Return how many works can run at the same time at most."""
        return self._slots + RESERVED

    def offer(self, key: str, work: T) -> bool:
        """Queue work; return False if too much of its key waits already.

        Work that can start at once does not count as waiting.
        """
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = _Queue()
        idle = max(0, self._slots - self._running, int(not queue.running))
        if len(queue.waiting) >= self._most_waiting + idle:
            return False
        queue.waiting.append(work)
        return True

    def start(self) -> tuple[str, T] | None:
        """Return the work that may start now, with its key; None if none may."""
        best: str | None = None
        for key, queue in self._queues.items():
            fewer = best is None or queue.running < self._queues[best].running
            if fewer and queue.waiting and self._may_start(queue):
                best = key
        if best is None:
            return None
        chosen = self._queues[best]
        # To the end of the table: among keys that run as little, each has its turn.
        self._queues[best] = self._queues.pop(best)
        chosen.running += 1
        self._running += 1
        return best, chosen.waiting.popleft()

    def finish(self, key: str) -> None:
        """Note that a work of `key` has ended."""
        queue = self._queues[key]
        queue.running -= 1
        self._running -= 1
        if not queue.running and not queue.waiting:
            del self._queues[key]

    def drop(self, unwanted: Callable[[T], bool]) -> int:
        """Remove waiting work; return how much it was."""
        dropped = 0
        for key, queue in list(self._queues.items()):
            kept = deque(work for work in queue.waiting if not unwanted(work))
            dropped += len(queue.waiting) - len(kept)
            queue.waiting = kept
            if not queue.running and not kept:
                del self._queues[key]
        return dropped

    def _may_start(self, queue: _Queue[T]) -> bool:
        if self._running < self._slots:
            return True
        return not queue.running and self._running < self.most_running
