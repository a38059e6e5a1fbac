"""How long to wait until the next poll. Pure."""

from collections.abc import Callable

from model_fetcher.errors import IntegrityError

_FIRST = 1.0
_LONGEST = 60.0
_LONGEST_DAMAGED = 600.0

Spread = Callable[[float, float], float]
"""A random number between two bounds, as `random.uniform`."""


def after_success(interval: float, spread: Spread) -> float:
    """Seconds to wait when all is well: the interval ± 20 %, so that pods do not poll in step."""
    return interval * spread(0.8, 1.2)


def after_failure(failures: int, error: Exception, interval: float, spread: Spread) -> float:
    """Seconds to wait after the n-th failure in a row: 1, 2, 4 … up to a minute or the interval, ± 20 %.

    A version that is damaged in the store is fetched whole each time, so that wait grows to ten minutes.
    """
    longest = max(interval, _LONGEST_DAMAGED if isinstance(error, IntegrityError) else _LONGEST)
    return min(_FIRST * 2.0 ** min(failures - 1, 30), longest) * spread(0.8, 1.2)
