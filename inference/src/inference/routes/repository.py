"""The index of v2's model repository extension: what serves, what loads, what was refused.

Source: `docs/protocol/extension_model_repository.md` of github.com/triton-inference-server/server.
"""

from collections.abc import Iterator

from inference.errors import BadRequest
from inference.registry import Entry, Registry
from inference.replies import Reply, json_reply
from inference.tensors import load_object

Row = dict[str, str]


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
    if entry == Entry():
        yield {"name": name, "state": "UNAVAILABLE", "reason": "no version is on the volume yet"}


def _row(name: str, version: str, state: str, reason: str = "") -> Row:
    return {"name": name, "version": version, "state": state, "reason": reason}
