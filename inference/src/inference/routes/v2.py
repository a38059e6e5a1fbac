"""The Open Inference Protocol v2: metadata, health and inference.

Source: `inference_rest.md` of github.com/kserve/open-inference-protocol.
"""

from http import HTTPStatus

from inference import __version__, tensors
from inference.errors import ApiError, BadRequest
from inference.registry import Registry, Served
from inference.replies import Reply, json_reply
from inference.routes import require_json

# The protocol's name for an ONNX model in onnxruntime.
PLATFORM = "onnx_onnxv1"
EXTENSIONS = ("model_repository",)


def find(registry: Registry, name: str, version: str | None) -> Served:
    """Return what serves a model, in that version if one is given."""
    return registry.get(name) if version is None else registry.get_version(name, version)


def server_metadata() -> Reply:
    """Describe the server."""
    return json_reply({"name": "inference", "version": __version__, "extensions": EXTENSIONS})


def live() -> Reply:
    """Say that the process answers."""
    return json_reply({"live": True})


def ready(registry: Registry) -> Reply:
    """Say whether all models are loaded: 200 or 503."""
    reason = registry.unready_reason()
    if reason is None:
        return json_reply({"ready": True})
    return json_reply({"ready": False, "error": reason}, HTTPStatus.SERVICE_UNAVAILABLE)


def model_ready(registry: Registry, name: str, version: str | None) -> Reply:
    """Say whether a model serves, in that version if one is given."""
    served = find(registry, name, version)
    return json_reply({"name": served.name, "ready": True}, model=served.name)


def model_metadata(registry: Registry, name: str, version: str | None) -> Reply:
    """Describe a model: its version, its digest, what it takes and gives."""
    served = find(registry, name, version)
    signature = served.model.signature
    answer = {
        "name": served.name,
        "versions": [served.version],
        "platform": PLATFORM,
        "inputs": [spec.describe() for spec in signature.inputs],
        "outputs": [spec.describe() for spec in signature.outputs],
        "properties": {"digest": served.digest} if served.digest else {},
    }
    return json_reply(answer, model=served.name)


def infer(
    registry: Registry, name: str, version: str | None, body: bytes, content_type: str | None, *, framed: bool
) -> Reply:
    """Run a model on the tensors of a request; `framed` if it has the header of the binary extension."""
    if framed:
        raise BadRequest("Inference-Header-Content-Length: this server reads tensors as JSON, not binary")
    require_json(content_type, may_be_absent=True)
    served = find(registry, name, version)
    signature = served.model.signature
    request = tensors.decode(body, signature)
    try:
        results = served.model.run(request.inputs, request.outputs)
    except ApiError as error:
        raise BadRequest(f"model {served.name!r} version {served.version!r}: {error.message}") from None
    return Reply(tensors.encode(served.name, served.version, request, results, signature), model=served.name)
