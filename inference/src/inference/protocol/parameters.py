"""The parameters of an inference request, of its inputs and of its outputs. Pure.

Source: `docs/protocol/extension_parameters.md` of github.com/triton-inference-server/server. What a client
makes up for itself is taken and ignored: no ONNX model could use it.
"""

from collections.abc import Mapping
from typing import Any

from inference.errors import BadRequest

Parameters = Mapping[str, Any]


def read(holder: Mapping[str, Any], what: str) -> Parameters:
    """Return the parameters of a request, an input or an output; raises BadRequest."""
    value = holder.get("parameters")
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRequest(f"{what}: parameters must be an object")
    for key, item in value.items():
        if not isinstance(item, str | int | float | bool):
            raise BadRequest(f"{what}: parameter {key!r} must be a string, a number, true or false")
        if key.startswith("shared_memory_"):
            raise BadRequest(f"{what}: {key}: this server shares no memory; send the data with the request")
    return value


def of_request(request: Mapping[str, Any]) -> Parameters:
    """Return a whole request's parameters, the reserved ones checked; raises BadRequest."""
    parameters = read(request, "the request")
    if not parameters:
        return parameters
    for key in parameters:
        if key == "headers" or key.startswith("triton_"):
            raise BadRequest(f"the request: parameter {key!r} is reserved by the protocol; rename it")
    if parameters.get("sequence_id"):
        raise BadRequest("the request: sequence_id: no model here keeps state between requests; leave it out")
    for key in ("priority", "timeout"):
        count(parameters, key, "the request")
    return parameters


def flag(parameters: Parameters, key: str, what: str, default: bool = False) -> bool:
    """Read true or false; raises BadRequest."""
    value = parameters.get(key, default)
    if not isinstance(value, bool):
        raise BadRequest(f"{what}: {key}: must be true or false")
    return value


def count(parameters: Parameters, key: str, what: str) -> int:
    """Read a whole number of at least 0, which stands for absence too; raises BadRequest."""
    value = parameters.get(key, 0)
    if type(value) is not int or value < 0:
        raise BadRequest(f"{what}: {key}: must be a whole number of at least 0")
    return value
