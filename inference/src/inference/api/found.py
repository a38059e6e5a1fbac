"""The model that a request's path names."""

from typing import Any

from inference.api.replies import json_reply
from inference.api.services import Services
from inference.messages import Reply, Request
from inference.models.registry import Served


def served_of(services: Services, request: Request) -> Served:
    """Return the active version of the path's model, to describe it; never waits.

    Raises NotFound if the model is unknown or the path names another version, Unavailable if none is active.
    """
    name, version = request.params["model"], request.params.get("version")
    registry = services.registry
    return registry.get(name) if version is None else registry.get_version(name, version)


def about(served: Served, answer: dict[str, Any]) -> Reply:
    """Make a reply of JSON that is about a version."""
    return json_reply(answer, model=served.name, version=served.version)
