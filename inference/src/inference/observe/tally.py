"""What happened, noted one by one and handed to prometheus_client many at once.

Its histograms take two locks and a loop for each value, and with several workers they write to a mapped file
twice: a small model would feel that. To note an event is an append.
"""

import threading
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from prometheus_client import Counter, Histogram

# So many events are handed over at once, by whoever notes the last of them.
MANY = 512


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """What an event of one kind counts: the counter by one, each histogram a value of its own.

    `scale` times a value is what its histogram gets.
    """

    counter: Counter | None
    histograms: tuple[Histogram, ...] = ()
    scale: float = 1.0


class Tally:
    """What was noted and not handed over yet; any thread may add to it."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._noted: deque[tuple[Series, Sequence[float]]] = deque()
        self._lock = threading.Lock()

    def add(self, series: Series, values: Sequence[float] = ()) -> None:
        """Note an event, with a value for each of the histograms."""
        self._noted.append((series, values))
        if len(self._noted) >= MANY:
            self.settle()

    def settle(self) -> None:
        """Hand over all that was noted."""
        with self._lock:
            events: dict[Series, list[Sequence[float]]] = defaultdict(list)
            for _ in range(len(self._noted)):
                series, values = self._noted.popleft()
                events[series].append(values)
            for series, rows in events.items():
                _hand_over(series, np.array(rows, np.float64) * series.scale)


def _hand_over(series: Series, rows: NDArray[np.float64]) -> None:
    if series.counter:
        series.counter.inc(len(rows))
    for histogram, values in zip(series.histograms, rows.T, strict=True):
        _observe(histogram, values)


def _observe(child: Histogram, values: NDArray[np.float64]) -> None:
    """Do what `Histogram.observe` does for each value; a test holds the two together."""
    child._sum.inc(float(values.sum()))
    places = np.searchsorted(child._upper_bounds, values)
    for bucket, count in zip(child._buckets, np.bincount(places).tolist(), strict=False):
        if count:
            bucket.inc(count)
