"""Prometheus metrics.

Labels are bounded: names of models that serve and their versions, of our routes, statuses. What a version
counted goes when it has been replaced twice; with several workers, whose files cannot forget, it stays.
"""

import os
from functools import cache

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

from inference.observe.tally import Series, Tally

PREFIX = "modelsidecar_inference"
MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"

disable_created_metrics()  # type: ignore[no-untyped-call]

_LATENCIES = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_STAGES = (0.0001, 0.00025, *_LATENCIES)

REQUESTS = Counter(
    f"{PREFIX}_requests",
    "Requests answered, by the model and version that served",
    ("model", "version", "route", "status"),
)
DURATION = Histogram(
    f"{PREFIX}_request_duration_seconds",
    "Time from dispatch to answer",
    ("model", "route"),
    buckets=_LATENCIES,
)
STAGE = Histogram(
    f"{PREFIX}_stage_seconds",
    "Time that a request that ran a model spent in the stages queue, pre, infer and post",
    ("model", "version", "stage"),
    buckets=_STAGES,
)
BATCH = Histogram(
    f"{PREFIX}_batch_size",
    "Inferences that one run of the model made, of one request or of several",
    ("model", "version"),
    buckets=(1, 2, 4, 8, 16, 32, 64, 128),
)
REJECTED = Counter(f"{PREFIX}_rejected", "Requests turned away with 503 since the queue was full")
LIMITED = Counter(
    f"{PREFIX}_limited",
    "Requests and connections that a limit refused or closed, by the name of the limit",
    ("limit",),
)
IN_FLIGHT = Gauge(f"{PREFIX}_in_flight", "Requests being served", ("model",), multiprocess_mode="livesum")
QUEUED = Gauge(f"{PREFIX}_queue_length", "Requests that wait", multiprocess_mode="livesum")
SWAPS = Counter(f"{PREFIX}_swaps", "Versions that were taken into service", ("model",))
REFUSED = Counter(f"{PREFIX}_refused", "Versions that were refused", ("model",))
LOAD_SECONDS = Histogram(
    f"{PREFIX}_load_seconds", "Time to load, warm up and check a version", ("model",),
    buckets=(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0),
)  # fmt: skip


# The look-up of a child costs more than to count.
in_flight = cache(IN_FLIGHT.labels)


@cache
def _answers(model: str, version: str, route: str, status: int, stages: tuple[str, ...]) -> Series:
    of_stages = [STAGE.labels(model, version, stage) for stage in stages]
    return Series(
        REQUESTS.labels(model, version, route, status), (DURATION.labels(model, route), *of_stages), 1e-9
    )


@cache
def _runs(model: str, version: str) -> Series:
    return Series(None, (BATCH.labels(model, version),))


_tally = Tally()
# Hands over what was noted until then: before a scrape, and now and then for scrapes by way of other workers.
settle = _tally.settle


def answered(
    model: str, version: str, route: str, status: int, stages: tuple[str, ...], times: tuple[int, ...]
) -> None:
    """Count an answer; `times` has what it took in nanoseconds, and then what each of its stages did."""
    _tally.add(_answers(model, version, route, status, stages), times)


def limited(limit: str) -> None:
    """Count what a limit refused; `limit` is one of a few names."""
    LIMITED.labels(limit).inc()


def ran(model: str, version: str, batch_size: int, times: int = 1) -> None:
    """Count runs of a model that made so many inferences each."""
    for _ in range(times):
        _tally.add(_runs(model, version), (batch_size,))


def forget(model: str, version: str) -> None:
    """Drop what a version counted."""
    if MULTIPROCESS in os.environ:
        return
    settle()
    for metric in (REQUESTS, STAGE, BATCH):
        metric.remove_by_labels({"model": model, "version": version})
    for series in (_answers, _runs):
        series.cache_clear()
