"""What `/metrics` answers: what is counted, and what the process serves at that moment."""

import os
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY, Collector

from inference.machine.cpu import Budget
from inference.models.registry import Registry
from inference.observe import board
from inference.observe.metrics import MULTIPROCESS, PREFIX, settle
from inference.observe.tritonmetrics import renamed


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


class Triton(Collector):
    """What another registry counts, under Triton's names."""

    def __init__(self, counted: CollectorRegistry) -> None:
        """Read from this."""
        self._counted = counted

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        return renamed(self._counted.collect())


def render(state: State, triton: bool = False) -> bytes:
    """Write all metrics, and if asked for those with Triton's names.

    With several workers, these are the sum of them and the state of the one asked.
    """
    settle()
    counted = REGISTRY
    if MULTIPROCESS in os.environ:
        counted = CollectorRegistry()
        MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
    own = CollectorRegistry()
    own.register(state)
    if triton:
        own.register(Triton(counted))
    return generate_latest(counted) + generate_latest(own)
