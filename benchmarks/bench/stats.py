"""Medians, percentiles and ratios: the arithmetic of all rows, without I/O."""

import math
import statistics
from collections.abc import Iterable, Sequence


def median(values: Sequence[float]) -> float:
    """The middle of the values, of which there must be one at least."""
    return statistics.median(values)


def percentile(values: Iterable[float], percent: float) -> float:
    """The least value that `percent` of all values do not exceed (nearest rank)."""
    ranked = sorted(values)
    if not ranked:
        raise ValueError("no values to rank: nothing was measured")
    return ranked[max(0, math.ceil(len(ranked) * percent / 100) - 1)]


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the rounds' ratios: both of one round ran one after the other, so a slow minute cancels.

    Rounds that only one of the two has are left out; with none in common it is the ratio of the medians.
    """
    pairs = [mine / other for mine, other in zip(ours, theirs, strict=False) if other]
    return median(pairs) if pairs else math.inf


def spread(values: Sequence[float]) -> str:
    """The least and the greatest value, for people to see how quiet the machine was."""
    return f"{short(min(values))} to {short(max(values))}"


def short(value: float) -> str:
    """A figure with three digits or all of its whole part: 0.0123, 1.23, 12.3, 12,345."""
    if not math.isfinite(value):
        return "∞"
    if abs(value) >= 100 or value == 0:
        return f"{value:,.0f}"
    digits = 2 - math.floor(math.log10(abs(value)))
    return f"{value:.{max(digits, 0)}f}"


def windows(samples: Iterable[tuple[float, float]], width: float) -> list[tuple[float, float, float]]:
    """Group `(time, latency)` into windows of `width` seconds.

    Returns `(start of the window, median, 99th percentile)` for each window with samples, in order.
    """
    groups: dict[int, list[float]] = {}
    for at, latency in samples:
        groups.setdefault(math.floor(at / width), []).append(latency)
    return [
        (number * width, percentile(group, 50), percentile(group, 99))
        for number, group in sorted(groups.items())
    ]
