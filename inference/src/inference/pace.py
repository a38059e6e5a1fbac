"""Whether a model is quick enough for the I/O loop to run it, by what its requests took. Pure.

To hand a request to a thread costs about as much as 300 microseconds of work. What takes little more is
served by the I/O loop itself; what takes longer would keep the others waiting, and leave CPUs idle.
"""

import math

MILLISECOND = 1_000_000
# A model becomes quick below the first, and slow above the second.
QUICK_NS, SLOW_NS = MILLISECOND // 2, MILLISECOND
# Of so many requests on threads the shortest counts: the others have waited for each other.
WINDOW = 8
# The weight of the newest request in the mean.
WEIGHT = 0.1
# Larger bodies are never for the I/O loop.
MAX_BYTES = 1 << 16
# How long a model that turned out to be slow stays so: that long at first, doubled each time.
FIRST_PAUSE_NS, LONGEST_PAUSE_NS = 1000 * MILLISECOND, 60_000 * MILLISECOND


class Pace:
    """The pace of one version on one route; all times in nanoseconds. Threads may race: it is an estimate."""

    def __init__(self) -> None:
        """Know nothing: unknown is slow."""
        self._quick = False
        self._mean = 0.0
        self._window: list[float] = []
        # The largest body that was found to be quick.
        self._proved = 0
        self._not_before = 0
        self._pause = FIRST_PAUSE_NS

    def quick(self, size: int) -> bool:
        """Tell whether a request with a body of `size` bytes may run on the I/O loop."""
        return self._quick and size <= min(2 * self._proved, MAX_BYTES)

    def on_thread(self, took: float, size: int, now: int) -> None:
        """Learn from a request that a thread has served."""
        if size > MAX_BYTES:
            return
        if took < QUICK_NS:
            self._proved = max(self._proved, size)
        self._window.append(took)
        if len(self._window) < WINDOW:
            return
        best, self._window = min(self._window), []
        if best < QUICK_NS and now >= self._not_before:
            self._quick, self._mean = True, best

    def on_loop(self, took: float, size: int, now: int) -> None:
        """Learn from a request that the I/O loop has served."""
        self._mean += WEIGHT * (took - self._mean)
        if took > SLOW_NS:
            self._proved = min(self._proved, size // 2)
        else:
            self._proved = max(self._proved, size)
        if self._mean > SLOW_NS:
            self.slow(now)

    def slow(self, now: int) -> None:
        """Take the model off the I/O loop for a while."""
        self._quick, self._mean, self._window = False, math.inf, []
        self._not_before = now + self._pause
        self._pause = min(LONGEST_PAUSE_NS, 2 * self._pause)
