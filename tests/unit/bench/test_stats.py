"""The arithmetic of the bench."""

import math

import pytest

from bench.stats import median, percentile, ratio, short, spread, windows


def test_the_median_of_an_even_number_is_between_the_two_in_the_middle() -> None:
    assert median([4, 1, 3, 2]) == 2.5


@pytest.mark.parametrize(("percent", "value"), [(50, 50), (99, 99), (100, 100), (0, 1)])
def test_a_percentile_is_a_value_that_was_measured(percent: float, value: float) -> None:
    assert percentile(range(100, 0, -1), percent) == value


def test_a_percentile_of_nothing_says_that_nothing_was_measured() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        percentile([], 99)


def test_a_ratio_compares_within_rounds_so_that_a_slow_round_cancels() -> None:
    assert ratio([200, 20, 200], [100, 10, 100]) == 2


def test_a_ratio_leaves_out_rounds_that_only_one_has() -> None:
    assert ratio([2, 4, 100], [1, 2]) == 2


def test_a_ratio_to_nothing_is_infinite() -> None:
    assert ratio([1], [0]) == math.inf


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.01234, "0.0123"), (1.234, "1.23"), (12.34, "12.3"), (12345.6, "12,346"), (math.inf, "∞")],
)
def test_a_figure_has_three_digits_or_its_whole_part(value: float, text: str) -> None:
    assert short(value) == text


def test_the_spread_names_the_least_and_the_greatest() -> None:
    assert spread([3.0, 1.0, 2.0]) == "1.00 to 3.00"


def test_windows_group_by_time_and_leave_out_empty_ones() -> None:
    samples = [(0.01, 1.0), (0.05, 3.0), (0.06, 2.0), (0.35, 7.0)]
    first, second = windows(samples, 0.1)
    assert first == (0, 2, 3)
    assert second[0] == pytest.approx(0.3)
    assert second[1:] == (7, 7)
