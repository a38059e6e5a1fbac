"""Prometheus metrics. Labels are bounded: names of models that serve, of our routes, statuses."""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY, Collector

from inference import board
from inference.cpu import Budget
from inference.registry import Registry

PREFIX = "modelsidecar_inference"
MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"

disable_created_metrics()  # type: ignore[no-untyped-call]

_LATENCIES = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

REQUESTS = Counter(
    f"{PREFIX}_requests", "Requests answered, by the model that served", ("model", "route", "status")
)
DURATION = Histogram(
    f"{PREFIX}_request_duration_seconds",
    "Time from dispatch to answer",
    ("model", "route"),
    buckets=_LATENCIES,
)
REJECTED = Counter(f"{PREFIX}_rejected", "Requests turned away with 503 since the queue was full")
IN_FLIGHT = Gauge(f"{PREFIX}_in_flight", "Requests being served", multiprocess_mode="livesum")
QUEUED = Gauge(f"{PREFIX}_queue_length", "Requests that wait", multiprocess_mode="livesum")
SWAPS = Counter(f"{PREFIX}_swaps", "Versions that were taken into service", ("model",))
REFUSED = Counter(f"{PREFIX}_refused", "Versions that were refused", ("model",))
LOAD_SECONDS = Histogram(
    f"{PREFIX}_load_seconds", "Time to load, warm up and check a version", ("model",),
    buckets=(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0),
)  # fmt: skip


@cache
def _children(model: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return REQUESTS.labels(model, route, str(status)), DURATION.labels(model, route)


def count(model: str, route: str, status: int, seconds: float) -> None:
    """Count an answer, and how long it took."""
    counter, histogram = _children(model, route, status)
    counter.inc()
    histogram.observe(seconds)


class State(Collector):
    """What serves now, read at each scrape: a replaced version leaves no series behind."""

    def __init__(self, registry: Registry, budget: Budget) -> None:
        """Read from these; nothing is kept."""
        self._registry = registry
        self._budget = budget

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges."""
        info = GaugeMetricFamily(
            f"{PREFIX}_model_info", "1 for each version that serves", labels=("model", "version", "digest")
        )
        loaded = GaugeMetricFamily(
            f"{PREFIX}_model_loaded_timestamp_seconds", "When it was taken into service", labels=("model",)
        )
        newest: dict[str, float] = {}
        for row in self._rows():
            info.add_metric((row.model, row.version, row.digest), 1)
            newest[row.model] = max(row.since, newest.get(row.model, 0))
        for model, since in newest.items():
            loaded.add_metric((model,), since)
        yield info
        yield loaded
        yield GaugeMetricFamily(
            f"{PREFIX}_ready", "1 if this process should get traffic", self._registry.ready()
        )
        yield GaugeMetricFamily(f"{PREFIX}_threads", "onnxruntime's threads a run", self._budget.threads)
        yield GaugeMetricFamily(f"{PREFIX}_concurrency", "Requests served at once", self._budget.concurrency)
        yield GaugeMetricFamily(f"{PREFIX}_cpus", "CPUs this process may use", self._budget.cpus)

    def _rows(self) -> list[board.Row]:
        """Return what serves, in all workers if there are several: in a swap they may differ for a moment."""
        if MULTIPROCESS in os.environ:
            return board.read(Path(os.environ[MULTIPROCESS]))
        return rows(self._registry)


def rows(registry: Registry) -> list[board.Row]:
    """Return what this process serves."""
    return [
        board.Row(served.name, served.version, served.digest or "", served.since.timestamp())
        for served in registry.served()
    ]


def tell_others(registry: Registry) -> None:
    """Let the other workers know what this process serves, if there are any."""
    if MULTIPROCESS in os.environ:
        board.write(Path(os.environ[MULTIPROCESS]), rows(registry))


def render(state: State) -> bytes:
    """Write all metrics; with several workers, the sum of them and the state of the one asked."""
    registry = REGISTRY
    if MULTIPROCESS in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    own = CollectorRegistry()
    own.register(state)
    return generate_latest(registry) + generate_latest(own)
