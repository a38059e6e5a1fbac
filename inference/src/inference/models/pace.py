"""Whether a model is quick enough for the I/O loop to run it, by what its requests took. Pure.

To hand a request to a thread costs about as much as 300 microseconds of work. What takes little more is
served by the I/O loop itself; what takes longer would keep the others waiting, and leave CPUs idle.
"""

from statistics import median

MILLISECOND = 1_000_000
# A model becomes quick below the first, and slow above the second.
QUICK_NS, SLOW_NS = MILLISECOND // 2, MILLISECOND
# It is judged by the median of so many requests.
WINDOW = 8
# Larger bodies are never for the I/O loop.
MAX_BYTES = 1 << 16
# On a busy machine the clock tells how long others had the CPU. So it is the thread's CPU time that counts,
# unless it is this much shorter: then the model makes the thread wait, for a GPU or for threads of its own.
WAITING = 8
# How long a model that turned out to be slow stays so; twice as long if that comes soon again.
FIRST_PAUSE_NS, LONGEST_PAUSE_NS = 250 * MILLISECOND, 60_000 * MILLISECOND
SOON = 10


class Pace:
    """The pace of one version; all times in nanoseconds. Threads may race: it is an estimate."""

    def __init__(self) -> None:
        """Know nothing: unknown is slow."""
        self._quick = False
        self._window: list[float] = []
        # The largest body that was found to be quick.
        self._proved = 0
        self._not_before = 0
        self._pause = FIRST_PAUSE_NS

    def quick(self, size: int) -> bool:
        """Tell whether a request with a body of `size` bytes may run on the I/O loop."""
        return self._quick and size <= min(2 * self._proved, MAX_BYTES)

    def learn(self, clock: float, cpu: float, size: int, now: int) -> None:
        """Learn from a request with a body of `size` bytes: what it took by the clock, and of CPU time."""
        if size > MAX_BYTES:
            return
        took = max(cpu, clock / WAITING)
        self._proved = min(self._proved, size // 2) if took > SLOW_NS else max(self._proved, size)
        self._window.append(took)
        if len(self._window) < WINDOW:
            return
        usual, self._window = median(self._window), []
        if usual < QUICK_NS and now >= self._not_before:
            self._quick = True
        elif usual > SLOW_NS and self._quick:
            self.slow(now)

    def slow(self, now: int) -> None:
        """Take the model off the I/O loop for a while."""
        soon = now - self._not_before < SOON * self._pause
        self._pause = min(LONGEST_PAUSE_NS, 2 * self._pause) if soon else FIRST_PAUSE_NS
        self._not_before = now + self._pause
        self._quick, self._window = False, []
