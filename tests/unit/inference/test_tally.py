"""Values that are handed to prometheus_client many at once."""

import random
import threading

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram

from inference.observe.tally import MANY, Series, Tally

BOUNDS = (0.1, 1.0, 10.0)


def histogram() -> tuple[CollectorRegistry, Histogram]:
    registry = CollectorRegistry()
    return registry, Histogram("h", "A histogram", ("model",), registry=registry, buckets=BOUNDS).labels("m")


def samples(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
    found = [sample for metric in registry.collect() for sample in metric.samples]
    return {(one.name, one.labels.get("le", "")): one.value for one in found}


def test_a_histogram_is_what_it_would_be_of_values_one_by_one() -> None:
    chance = random.Random(1)
    values = [*BOUNDS, 0.0, -1.0, 1e9, *(chance.uniform(0, 12) for _ in range(100))]
    (ours, child), (theirs, other) = histogram(), histogram()
    tally = Tally()
    for value in values:
        tally.add(Series(None, (child,), 0.5), (2 * value,))
        other.observe(value)
    tally.settle()
    expected = samples(theirs)
    assert samples(ours).keys() == expected.keys()
    assert samples(ours) == pytest.approx(expected)


def test_nothing_is_lost_between_threads_and_much_is_handed_over_by_itself() -> None:
    registry = CollectorRegistry()
    series = Series(Counter("c", "A counter", registry=registry))
    tally = Tally()

    def note() -> None:
        for _ in range(MANY):
            tally.add(series)

    threads = [threading.Thread(target=note) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert registry.get_sample_value("c_total")
    tally.settle()
    assert registry.get_sample_value("c_total") == 4 * MANY
