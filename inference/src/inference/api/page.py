"""`GET /`: a word for programs, a page for people."""

from typing import Any

from inference import __version__
from inference.api.version import since
from inference.errors import ApiError
from inference.messages import Reply
from inference.models.registry import Registry, Served

HEALTHY = Reply(b"Healthy", content_type="text/plain; charset=utf-8", headers=(("Vary", "Accept"),))


def page_values(registry: Registry, name: str | None) -> dict[str, Any]:
    """Return what the page shows; raises NotFound for a model that is not here."""
    served = _served(registry, name)
    values: dict[str, Any] = {
        "models": list(registry.entries()),
        "server": __version__,
        "reason": registry.unready_reason(),
        "score_url": "score",
    }
    return values | (_described(served) if served else _nothing())


def _served(registry: Registry, name: str | None) -> Served | None:
    if name:
        return registry.get(name)
    try:
        return registry.default()
    except ApiError:
        return next(iter(registry.served()), None)


def _described(served: Served) -> dict[str, Any]:
    signature = served.model.signature
    return {
        "model": served.name,
        "version": served.version,
        "digest": served.digest,
        "since": since(served),
        "image": served.pipeline.how.describe() if served.pipeline else None,
        "labels": len(served.bundle.labels),
        "inputs": [spec.describe() for spec in signature.inputs],
        "outputs": [spec.describe() for spec in signature.outputs],
        "score_url": f"score?model={served.name}",
    }


def _nothing() -> dict[str, Any]:
    absent = dict.fromkeys(("model", "version", "digest", "since", "image"))
    return {**absent, "labels": 0, "inputs": [], "outputs": []}
