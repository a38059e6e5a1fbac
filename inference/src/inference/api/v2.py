"""The Open Inference Protocol v2: metadata, health and statistics; `infer.py` has inference.

Sources: `inference_rest.md` of github.com/kserve/open-inference-protocol, and the extensions in
`docs/protocol` of github.com/triton-inference-server/server.
"""

from http import HTTPStatus
from typing import Any

from inference import __version__
from inference.api.modelconfig import model_config
from inference.api.replies import json_reply
from inference.messages import Reply
from inference.models.registry import Registry, Served

# The protocol's name for an ONNX model in onnxruntime.
PLATFORM = "onnx_onnxv1"
EXTENSIONS = (
    "binary_tensor_data",
    "classification",
    "model_configuration",
    "model_repository",
    "model_repository(unload_dependents)",
    "parameters",
    "statistics",
)


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


def model_names(registry: Registry) -> Reply:
    """List the models that this server knows, whether they are ready or not."""
    return json_reply({"models": list(registry.entries())})


def model_ready(registry: Registry, name: str, version: str | None) -> Reply:
    """Say whether a model serves, in that version if one is given."""
    served = find(registry, name, version)
    return _about(served, {"name": served.name, "ready": True})


def _about(served: Served, answer: dict[str, Any]) -> Reply:
    return json_reply(answer, model=served.name, version=served.version)


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
    return _about(served, answer)


def config(registry: Registry, name: str, version: str | None) -> Reply:
    """Describe a model in the words of the model configuration extension."""
    served = find(registry, name, version)
    return _about(served, model_config(served.name, served.model.signature))


def all_stats(registry: Registry) -> Reply:
    """Tell how often each model ran, and how long that took."""
    return json_reply({"model_stats": [_stats(served) for served in registry.served()]})


def model_stats(registry: Registry, name: str, version: str | None) -> Reply:
    """Tell how often one model ran, and how long that took."""
    served = find(registry, name, version)
    return _about(served, {"model_stats": [_stats(served)]})


def _stats(served: Served) -> dict[str, object]:
    return served.stats.describe(served.name, served.version)
