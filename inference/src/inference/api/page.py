"""`GET /`: a word for programs, a page for people."""

from typing import Any

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from inference import __version__
from inference.api.describe import QUERY_MODEL, operation, text_answer
from inference.api.html import render
from inference.api.query import model_name
from inference.api.route import Route
from inference.api.services import Services
from inference.api.version import since
from inference.errors import ApiError
from inference.messages import Headers, Reply, Request
from inference.models.registry import Registry, Served

_VARY: Headers = (("Vary", "Accept"),)
HEALTHY = Reply(b"Healthy", content_type="text/plain; charset=utf-8", headers=_VARY)


def get_page(services: Services, request: Request) -> Reply:
    """Return `Healthy`, or the page if the client prefers HTML to plain text; raises NotFound for it."""
    accepted = parse_accept_header(request.headers.get("ACCEPT"), MIMEAccept)
    if accepted.quality("text/html") <= accepted.quality("text/plain"):
        return HEALTHY
    return render("page.html", _VARY, page=page_values(services.registry, model_name(request.query)))


def page_values(registry: Registry, name: str) -> dict[str, Any]:
    """Return what the page shows of a model, of any if `name` is empty; raises NotFound, Unavailable."""
    served = _served(registry, name)
    values: dict[str, Any] = {
        "models": list(registry.entries()),
        "server": __version__,
        "reason": registry.unready_reason(),
        "score_url": "score",
    }
    return values | (_described(served) if served else _nothing())


def _served(registry: Registry, name: str) -> Served | None:
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


_PAGE = text_answer("`Healthy`, or for a browser a page to try the model.", "text/plain", "text/html")
_DOC = operation("Say that the server answers", _PAGE, (404, 503), parameters=[QUERY_MODEL])

ROUTES = (Route("GET", "/", "page", get_page, doc=_DOC),)
