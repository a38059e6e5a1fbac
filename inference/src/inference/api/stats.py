"""How often models ran and how long that took, by v2's statistics extension."""

from inference.api.describe import json_answer, operation, reads_model
from inference.api.found import about, served_of
from inference.api.replies import json_reply
from inference.api.route import Route, of_model
from inference.api.services import Services
from inference.messages import Reply, Request
from inference.models.registry import Served


def get_all_stats(services: Services, request: Request) -> Reply:
    """Return the statistics of all models."""
    return json_reply({"model_stats": [_stats(served) for served in services.registry.served()]})


def get_stats(services: Services, request: Request) -> Reply:
    """Return the statistics of one model."""
    served = served_of(services, request)
    return about(served, {"model_stats": [_stats(served)]})


def _stats(served: Served) -> dict[str, object]:
    return served.stats.describe(served.name, served.version)


_ALL = operation("Return how often all models ran, and how long that took", json_answer("Stats", "Stats"))
_ONE = reads_model("Return how often a model ran, and how long that took", "Stats")

ROUTES = (
    Route("GET", "/v2/models/stats", "all_stats", get_all_stats, doc=_ALL),
    *of_model("GET", "/stats", "stats", get_stats, doc=_ONE),
)
