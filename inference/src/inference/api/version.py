"""`GET /version`: which version of a model serves."""

from inference import __version__
from inference.api.replies import json_reply
from inference.messages import Reply
from inference.models.registry import Registry, Served


def since(served: Served) -> str:
    """Return when a version was taken into service, as `2026-11-23T08:30:00Z`."""
    return served.since.isoformat(timespec="seconds").replace("+00:00", "Z")


def version(registry: Registry, name: str | None) -> Reply:
    """Describe what serves a model, the default one if `name` is None."""
    served = registry.default(name)
    answer = {
        "model": served.name,
        "version": served.version,
        "digest": served.digest,
        "since": since(served),
        "server": __version__,
    }
    return json_reply(answer, model=served.name, version=served.version)
