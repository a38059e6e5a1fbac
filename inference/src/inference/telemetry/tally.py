"""Values of counters and histograms, noted one by one and handed to prometheus_client many at once.

Its histograms take two locks and a loop for each value, and with several workers they write to a mapped file
twice: a small model would feel that. To note a value is an append.
"""

import threading
from bisect import bisect_left
from collections import defaultdict, deque

from prometheus_client import Counter, Histogram

# So many are handed over at once, by whoever notes the last of them.
MANY = 2048


class Tally:
    """What was noted and not handed over yet; any thread may add to it."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._noted: deque[tuple[Counter | Histogram, float]] = deque()
        self._lock = threading.Lock()

    def add(self, child: Counter | Histogram, value: float = 1.0) -> None:
        """Note a value of a histogram, or what a counter grows by; both with their labels."""
        self._noted.append((child, value))
        if len(self._noted) >= MANY:
            self.settle()

    def settle(self) -> None:
        """Hand over all that was noted."""
        with self._lock:
            values: dict[Counter | Histogram, list[float]] = defaultdict(list)
            for _ in range(len(self._noted)):
                child, value = self._noted.popleft()
                values[child].append(value)
            for child, of_child in values.items():
                if isinstance(child, Histogram):
                    _observe(child, of_child)
                else:
                    child.inc(sum(of_child))


def _observe(child: Histogram, values: list[float]) -> None:
    """Do what `Histogram.observe` does for each value; a test holds the two together."""
    counts = [0] * len(child._buckets)
    for value in values:
        counts[bisect_left(child._upper_bounds, value)] += 1
    child._sum.inc(sum(values))
    for bucket, count in zip(child._buckets, counts, strict=True):
        if count:
            bucket.inc(count)
