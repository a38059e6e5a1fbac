"""`GET /version`: the active version of a model."""

from inference import __version__
from inference.api.describe import QUERY_MODEL, VERSIONED, json_answer, operation
from inference.api.query import model_name
from inference.api.replies import json_reply
from inference.api.route import Route
from inference.api.services import Services
from inference.messages import Reply, Request
from inference.models.registry import Served


def since(served: Served) -> str:
    """Return when a version became active, as `2026-11-23T08:30:00Z`."""
    return served.since.isoformat(timespec="seconds").replace("+00:00", "Z")


def get_version(services: Services, request: Request) -> Reply:
    """Describe the active version of a model, the default one if the query names none."""
    served = services.registry.default(model_name(request.query))
    answer = {
        "model": served.name,
        "version": served.version,
        "digest": served.digest,
        "since": since(served),
        "server": __version__,
    }
    return json_reply(answer, model=served.name, version=served.version)


_DOC = operation(
    "Return the active version of a model",
    json_answer("The version, its digest, since when it is active.", "Version", headers=VERSIONED),
    (400, 404, 503),
    parameters=[QUERY_MODEL],
)

ROUTES = (Route("GET", "/version", "version", get_version, doc=_DOC),)
