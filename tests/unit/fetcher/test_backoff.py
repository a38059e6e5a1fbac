"""How long to wait until the next poll."""

import pytest

from model_fetcher.backoff import after_failure, after_success
from model_fetcher.errors import IntegrityError, StoreError

AWAY, DAMAGED = StoreError("away"), IntegrityError("damaged")


def low(a: float, b: float) -> float:
    return a


def high(a: float, b: float) -> float:
    return b


def middle(a: float, b: float) -> float:
    return (a + b) / 2


def test_polls_of_many_pods_spread_over_a_fifth_of_the_interval_to_both_sides() -> None:
    assert after_success(60, low) == pytest.approx(48)
    assert after_success(60, high) == pytest.approx(72)
    assert after_failure(1, AWAY, 60, low) == pytest.approx(0.8)
    assert after_failure(1, AWAY, 60, high) == pytest.approx(1.2)


def test_doubles_up_to_a_minute() -> None:
    waits = [after_failure(n, AWAY, 5, middle) for n in range(1, 10)]
    assert waits == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60, 60])


def test_a_damaged_version_is_fetched_again_after_ten_minutes_at_most() -> None:
    assert after_failure(10, DAMAGED, 5, middle) == pytest.approx(512)
    assert after_failure(50, DAMAGED, 5, middle) == pytest.approx(600)


def test_never_polls_a_failing_store_less_often_than_a_working_one() -> None:
    assert after_failure(99, AWAY, 300, middle) == pytest.approx(300)
    assert after_failure(99, DAMAGED, 3600, middle) == pytest.approx(3600)


def test_goes_on_after_any_number_of_failures() -> None:
    assert after_failure(10**9, AWAY, 5, middle) == pytest.approx(60)
