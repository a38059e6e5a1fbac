"""Counts how models come and go."""

from inference.observe.metrics import LOAD_SECONDS, REFUSED, SWAPS, forget


class ModelMetrics:
    """The events of models, as metrics."""

    def loaded(self, model: str, seconds: float) -> None:
        """Count a version that became active, and how long its check and its load took."""
        SWAPS.labels(model).inc()
        LOAD_SECONDS.labels(model).observe(seconds)

    def rejected(self, model: str) -> None:
        """Count a version that was rejected."""
        REFUSED.labels(model).inc()

    def forgotten(self, model: str, version: str) -> None:
        """Drop the series of a version that was replaced twice."""
        forget(model, version)
