"""What `/status`, `/readyz` and `/metrics` tell of the watchers. Reads, never writes."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from model_fetcher import __version__
from model_fetcher.watch import State, Watcher

_PREFIX = "modelsidecar_fetch_"
# Counted from zero, so that a rate over the first failure is not blind.
_RESULTS = ("success", "noop", "error")
_WAYS = ("fetched", "resumed", "linked")


def ready(watchers: Sequence[Watcher]) -> bool:
    """Every model has a version on disk."""
    return all(watcher.state.current is not None for watcher in watchers)


def status(watchers: Sequence[Watcher], now: float) -> dict[str, Any]:
    """The document of `/status`; times are seconds since 1970, ages are seconds."""
    return {"version": __version__, "models": {w.delivery.model: _model(w, now) for w in watchers}}


def _model(watcher: Watcher, now: float) -> dict[str, Any]:
    state = watcher.state
    return {
        "source": watcher.delivery.source.url,
        "channel": watcher.delivery.channel,
        "wanted": state.wanted.manifest.version if state.wanted else None,
        "current": state.current,
        "previous": state.previous,
        "confirmed": state.confirmed,
        "refused": state.refused,
        "digest": state.digest,
        "bytes": state.bytes,
        "age": None if state.current_since is None else round(now - state.current_since, 3),
        "last_check": state.last_check,
        "last_success": state.last_success,
        "last_error": state.last_error or None,
        "failures": state.failures,
    }


class _Models(Collector):
    def __init__(self, watchers: Sequence[Watcher]) -> None:
        self._watchers = watchers

    def collect(self) -> Iterable[Metric]:
        """See Collector.collect."""
        return families([(watcher.delivery.model, watcher.state) for watcher in self._watchers])


def families(states: Sequence[tuple[str, State]]) -> Iterator[Metric]:
    """The metrics of all models, from their states as they are now."""
    yield _counter("polls", "Polls of the source, by result.", "result", _RESULTS, states, "polls")
    yield _counter("bytes", "Bytes brought to the volume, by way.", "way", _WAYS, states, "moved")
    yield _gauge("failures", "Failed polls in a row.", states, lambda s: s.failures)
    yield _gauge("in_sync", "1 if the version on disk is the wanted one.", states, lambda s: s.in_sync)
    yield _gauge("refused", "Versions that the server refused.", states, lambda s: len(s.refused))
    yield _gauge("model_bytes", "Size of the version on disk.", states, lambda s: s.bytes)
    for name, text, value in (
        ("last_check", "When the source was last asked.", lambda s: s.last_check or 0),
        ("last_success", "When the source last answered.", lambda s: s.last_success or 0),
        ("current", "When the version on disk became current.", lambda s: s.current_since or 0),
    ):
        yield _gauge(f"{name}_timestamp_seconds", text, states, value)
    labels = ["model", "version", "digest"]
    info = GaugeMetricFamily(f"{_PREFIX}model_info", "1 for the version on disk.", labels=labels)
    for model, state in states:
        if state.current:
            info.add_metric([model, state.current, state.digest], 1)
    yield info


def _counter(
    name: str, text: str, label: str, values: Iterable[str], states: Iterable[tuple[str, State]], field: str
) -> Metric:
    family = CounterMetricFamily(f"{_PREFIX}{name}", text, labels=["model", label])
    for model, state in states:
        for value in values:
            family.add_metric([model, value], getattr(state, field)[value])
    return family


def _gauge(name: str, text: str, states: Iterable[tuple[str, State]], value: Any) -> Metric:
    family = GaugeMetricFamily(f"{_PREFIX}{name}", text, labels=["model"])
    for model, state in states:
        family.add_metric([model], float(value(state)))
    return family


def metrics(watchers: Sequence[Watcher]) -> bytes:
    """The text of `/metrics`, in Prometheus' exposition format."""
    registry = CollectorRegistry()
    registry.register(_Models(watchers))
    ProcessCollector(registry=registry)
    return generate_latest(registry)
