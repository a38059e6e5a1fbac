"""v2's model repository extension: what serves, loads or was refused; loading and letting go, if allowed.

Source: `docs/protocol/extension_model_repository.md` of github.com/triton-inference-server/server.
"""

from collections.abc import Iterator
from typing import Any, Protocol

from inference.api.replies import json_reply
from inference.errors import BadRequest, Forbidden
from inference.messages import Reply
from inference.models.registry import Entry, Registry
from inference.protocol.jsontext import load_object

Row = dict[str, str]


class Control(Protocol):
    """Loads a model, or lets it go; returns once that is done. Raises ApiError."""

    def __call__(self, name: str, *, load: bool) -> None:
        """Do it."""


def index(registry: Registry, body: bytes) -> Reply:
    """List the versions known of all models; `{"ready": true}` lists only what serves."""
    only_ready = load_object(body).get("ready", False) if body.strip() else False
    if not isinstance(only_ready, bool):
        raise BadRequest("ready: must be true or false")
    rows = (row for name, entry in registry.entries().items() for row in _rows(name, entry))
    return json_reply([row for row in rows if row["state"] == "READY" or not only_ready])


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


def load(control: Control | None, name: str, body: bytes) -> Reply:
    """Look at the volume again, and serve what a model's link points at."""
    given = _parameters(body)
    for key in given:
        if key == "config" or key.startswith("file:"):
            raise BadRequest(f"parameters: {key}: a bundle is served as it was published; publish another")
    _allowed(control)(name, load=True)
    return _DONE


def unload(control: Control | None, name: str, body: bytes) -> Reply:
    """Stop to serve a model, until it is loaded again."""
    dependents = _parameters(body).get("unload_dependents", False)
    if not isinstance(dependents, bool):
        raise BadRequest("parameters: unload_dependents: must be true or false")
    _allowed(control)(name, load=False)
    return _DONE


_DONE = Reply(b"", content_type="text/plain; charset=utf-8")


def _parameters(body: bytes) -> dict[str, Any]:
    value = load_object(body).get("parameters") if body.strip() else None
    if not isinstance(value, dict | None):
        raise BadRequest("parameters: must be an object")
    return value or {}


def _allowed(control: Control | None) -> Control:
    if control is None:
        raise Forbidden("this server lets no client load or unload; start it with --repository-control on")
    return control
