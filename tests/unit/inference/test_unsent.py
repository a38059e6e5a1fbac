"""The account of what a client has not read yet."""

from inference.http.limits import Limits
from inference.http.unsent import Unsent

LIMITS = Limits(stall_timeout=20.0, min_rate=1000)
LONG_AFTER_BOOT = 10_000.0


def test_nothing_is_late_before_something_is_unsent() -> None:
    # A thread sends a response at this moment: it is noted only if the socket does not take all of it.
    assert not Unsent(LIMITS).too_slow(LONG_AFTER_BOOT)


def test_nothing_is_late_once_all_is_read() -> None:
    unsent = Unsent(LIMITS)
    unsent.note(5000, 1.0)
    unsent.note(0, 2.0)
    assert not unsent.too_slow(LONG_AFTER_BOOT)
    unsent.note(5000, LONG_AFTER_BOOT)
    assert not unsent.too_slow(LONG_AFTER_BOOT + 20.0)


def test_a_client_may_stall_and_must_then_keep_the_rate() -> None:
    unsent = Unsent(LIMITS)
    unsent.note(5000, 0.0)
    assert (unsent.too_slow(20.0), unsent.too_slow(20.001)) == (False, True)
    unsent.note(3000, 21.0)
    assert (unsent.too_slow(22.0), unsent.too_slow(22.001)) == (False, True)
