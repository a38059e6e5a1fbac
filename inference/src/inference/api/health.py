"""Liveness and readiness of the server, and readiness of a model, by the Open Inference Protocol v2."""

from http import HTTPStatus

from inference.api.describe import json_answer, operation, reads_model
from inference.api.found import about, served_of
from inference.api.replies import json_reply
from inference.api.route import Route, of_model
from inference.api.services import Services
from inference.messages import Reply, Request


def get_live(services: Services, request: Request) -> Reply:
    """Report that the process answers."""
    return json_reply({"live": True})


def get_ready(services: Services, request: Request) -> Reply:
    """Report whether this process should get traffic; a 503 contains the reason why not."""
    reason = services.registry.unready_reason()
    if reason is None:
        return json_reply({"ready": True})
    return json_reply({"ready": False, "error": reason}, HTTPStatus.SERVICE_UNAVAILABLE)


def get_model_ready(services: Services, request: Request) -> Reply:
    """Report that a model has an active version."""
    served = served_of(services, request)
    return about(served, {"name": served.name, "ready": True})


_LIVE = operation("Report that the process answers", json_answer("Live", "Live"))
_READY = operation("Report whether this server should get traffic", json_answer("It should.", "Ready"))
_READY["responses"]["503"] = json_answer("It should not; `error` has the reason.", "Ready")
_MODEL_READY = reads_model("Report whether a model is ready", "Ready")

ROUTES = (
    Route("GET", "/v2/health/live", "live", get_live, doc=_LIVE),
    Route("GET", "/v2/health/ready", "ready", get_ready, doc=_READY),
    *of_model("GET", "/ready", "model_ready", get_model_ready, doc=_MODEL_READY),
)
