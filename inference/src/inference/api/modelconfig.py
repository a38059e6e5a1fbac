"""A model's configuration in the words of v2's model configuration extension. Pure.

Source: `docs/protocol/extension_model_configuration.md` of github.com/triton-inference-server/server, and the
message ModelConfig of its `model_config.proto`.
"""

from typing import Any

from inference.models.model import MODEL_FILE
from inference.protocol.datatypes import BYTES
from inference.protocol.signature import Signature, TensorSpec


def model_config(name: str, signature: Signature) -> dict[str, Any]:
    """Describe a model; its batch dimension, if it has one, is a part of every shape (max_batch_size 0).

    Inputs with a default in the model are listed last, and marked `optional`, as Triton does.
    """
    return {
        "name": name,
        "platform": "onnxruntime_onnx",
        "backend": "onnxruntime",
        "version_policy": {"latest": {"num_versions": 1}},
        "max_batch_size": 0,
        "input": [
            *(_tensor(spec) for spec in signature.inputs),
            *(_tensor(spec) | {"optional": True} for spec in signature.optional),
        ],
        "output": [_tensor(spec) for spec in signature.outputs],
        "instance_group": [{"name": name, "kind": "KIND_CPU", "count": 1}],
        "default_model_filename": MODEL_FILE,
    }


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    kind = "STRING" if spec.datatype is BYTES else spec.datatype.name
    return {"name": spec.name, "data_type": f"TYPE_{kind}", "dims": list(spec.shape)}
