"""v2's model repository extension: which versions are active, load or were rejected; loading and unloading.

Source: `docs/protocol/extension_model_repository.md` of github.com/triton-inference-server/server.
"""

from collections.abc import Iterator
from typing import Any

from inference.api.describe import body, json_answer, operation
from inference.api.replies import json_reply
from inference.api.route import Handler, Operation, Route, Where
from inference.api.schemas import ref
from inference.api.services import Control, Services
from inference.errors import BadRequest, Forbidden
from inference.messages import JSON, Reply, Request
from inference.models.registry import Entry
from inference.protocol.jsontext import load_object

Row = dict[str, str]

_DONE = Reply(b"", content_type="text/plain; charset=utf-8")


def post_index(services: Services, request: Request) -> Reply:
    """List the versions known of all models; `{"ready": true}` lists only the active ones."""
    only_ready = _object(services, request).get("ready", False)
    if not isinstance(only_ready, bool):
        raise BadRequest("ready: must be true or false")
    rows = (row for name, entry in services.registry.entries().items() for row in _rows(name, entry))
    return json_reply([row for row in rows if row["state"] == "READY" or not only_ready])


def post_load(services: Services, request: Request) -> Reply:
    """Read a model's link again, and serve the version that it points at."""
    for key in _parameters(services, request):
        if key == "config" or key.startswith("file:"):
            raise BadRequest(f"parameters: {key}: a bundle is served as it was published; publish another")
    _allowed(services, request)(request.params["model"], load=True)
    return _DONE


def post_unload(services: Services, request: Request) -> Reply:
    """Stop serving a model, until it is loaded again."""
    dependents = _parameters(services, request).get("unload_dependents", False)
    if not isinstance(dependents, bool):
        raise BadRequest("parameters: unload_dependents: must be true or false")
    _allowed(services, request)(request.params["model"], load=False)
    return _DONE


def _rows(name: str, entry: Entry) -> Iterator[Row]:
    if entry.served:
        yield _row(name, entry.served.version, "READY")
    if entry.loading:
        yield _row(name, entry.loading, "LOADING")
    if entry.refusal and entry.refusal.version != entry.loading:
        yield _row(name, entry.refusal.version, "UNAVAILABLE", entry.refusal.reason)
    if entry.unloaded:
        yield {"name": name, "state": "UNAVAILABLE", "reason": "unloaded"}
    if entry == Entry():
        yield {"name": name, "state": "UNAVAILABLE", "reason": "no version is on the volume yet"}


def _row(name: str, version: str, state: str, reason: str = "") -> Row:
    return {"name": name, "version": version, "state": state, "reason": reason}


def _object(services: Services, request: Request) -> dict[str, Any]:
    text = bytes(request.body)
    return load_object(text, services.json_limits) if text.strip() else {}


def _parameters(services: Services, request: Request) -> dict[str, Any]:
    value = _object(services, request).get("parameters")
    if not isinstance(value, dict | None):
        raise BadRequest("parameters: must be an object")
    return value or {}


def _allowed(services: Services, request: Request) -> Control:
    if services.control is None:
        raise Forbidden("this server lets no client load or unload; start it with --repository-control on")
    # Any page can make its visitor's browser POST to this server: CORS does not prevent that. Browsers name
    # the page's origin then (RFC 6454, section 7.3), and other clients send no such header.
    origin = request.headers.get("ORIGIN")
    if origin is not None and origin.partition("://")[2] != request.headers.get("HOST"):
        raise Forbidden(f"Origin is {origin[:200]!r}: pages of other origins may not load or unload models")
    return services.control


def _changes(verb: str, handler: Handler, summary: str) -> Route:
    done: Operation = {"description": "Done."}
    reads = body({JSON: ref(f"{verb.capitalize()}Request")}, required=False)
    doc = operation(summary, done, (400, 403, 404, 413, 415, 503), requestBody=reads)
    # A load takes as long as the model is large.
    return Route("POST", f"/v2/repository/models/{{model}}/{verb}", verb, handler, Where.THREAD, doc)


_INDEX = operation(
    "List the versions that are active, load, or were rejected",
    json_answer("A row a version.", "Index"),
    (400, 413, 415),
    requestBody=body({JSON: ref("IndexRequest")}, required=False),
)

ROUTES = (
    Route("POST", "/v2/repository/index", "index", post_index, doc=_INDEX),
    _changes("load", post_load, "Load the version that a model's link points at"),
    _changes("unload", post_unload, "Stop serving a model"),
)
