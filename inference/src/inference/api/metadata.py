"""The server's and the models' metadata, by the Open Inference Protocol v2.

Sources: `inference_rest.md` of github.com/kserve/open-inference-protocol, and the extensions in
`docs/protocol` of github.com/triton-inference-server/server. A list of all models is ours.
"""

from inference import __version__
from inference.api.describe import json_answer, operation, reads_model
from inference.api.found import about, served_of
from inference.api.replies import json_reply
from inference.api.route import Route, of_model
from inference.api.services import Services
from inference.messages import Reply, Request

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


def get_server(services: Services, request: Request) -> Reply:
    """Describe the server."""
    return json_reply({"name": "inference", "version": __version__, "extensions": EXTENSIONS})


def get_models(services: Services, request: Request) -> Reply:
    """List the models that this server knows, ready or not."""
    return json_reply({"models": list(services.registry.entries())})


def get_model(services: Services, request: Request) -> Reply:
    """Describe a model: its version, its digest, its inputs and outputs."""
    served = served_of(services, request)
    signature = served.model.signature
    answer = {
        "name": served.name,
        "versions": [served.version],
        "platform": PLATFORM,
        "inputs": [spec.describe() for spec in signature.inputs],
        "outputs": [spec.describe() for spec in signature.outputs],
        "properties": {"digest": served.digest} if served.digest else {},
    }
    return about(served, answer)


_SERVER = operation("Describe the server", json_answer("Server", "Server"))
_MODELS = operation("List the models", json_answer("Models", "Models"))

ROUTES = (
    Route("GET", "/v2", "server", get_server, doc=_SERVER),
    Route("GET", "/v2/models", "models", get_models, doc=_MODELS),
    *of_model("GET", "", "metadata", get_model, doc=reads_model("Describe a model", "Model")),
)
