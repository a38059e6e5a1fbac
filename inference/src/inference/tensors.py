"""The Open Inference Protocol's JSON form of an inference, to arrays and back. Pure.

Source: `inference_rest.md` of github.com/kserve/open-inference-protocol. Keys that it does not know are
ignored, as it asks for.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from inference.datatypes import BY_NAME
from inference.errors import BadRequest
from inference.signature import Signature, TensorSpec, names
from inference.values import Array, parse, plain


@dataclass(frozen=True, slots=True)
class InferRequest:
    """What a client asks: one array for each input of the model, and the outputs it wants, in its order."""

    id: str | None
    inputs: dict[str, Array]
    outputs: tuple[str, ...]


def decode(body: bytes, signature: Signature) -> InferRequest:
    """Read a request's body for a model of that signature; raises BadRequest."""
    request = load_object(body)
    identity = request.get("id")
    if not isinstance(identity, str | None):
        raise BadRequest("id: must be a string")
    _refuse_extensions(request, "the request")
    return InferRequest(identity, _inputs(request, signature), _outputs(request, signature))


def load_object(body: bytes) -> dict[str, Any]:
    """Read a JSON object; raises BadRequest that says where the JSON is wrong."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadRequest('the body must be a JSON object, such as {"inputs": […]}')
    return value


def _list_of_objects(request: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    value = request.get(key)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise BadRequest(f"{key}: must be a list of objects")
    for item in value:
        if not isinstance(item.get("name"), str):
            raise BadRequest(f"{key}: every entry needs a name, a string")
    return value


def _refuse_extensions(holder: Mapping[str, Any], what: str) -> None:
    parameters = holder.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise BadRequest(f"{what}: parameters must be an object")
    for key in ("binary_data_size", "classification"):
        if key in parameters:
            raise BadRequest(f"{what}: this server does not have the extension of {key}; use plain JSON data")


def _inputs(request: Mapping[str, Any], signature: Signature) -> dict[str, Array]:
    arrays: dict[str, Array] = {}
    for entry in _list_of_objects(request, "inputs"):
        name = entry["name"]
        spec = signature.input(name)
        if spec is None:
            raise BadRequest(
                f"input {name!r}: the model has no such input; it takes {names(signature.inputs)}"
            )
        if name in arrays:
            raise BadRequest(f"input {name!r}: given twice")
        arrays[name] = _array(entry, spec)
    missing = tuple(spec for spec in signature.inputs if spec.name not in arrays)
    if missing:
        raise BadRequest(f"inputs: missing {names(missing)}; the model takes {names(signature.inputs)}")
    return arrays


def _array(entry: Mapping[str, Any], spec: TensorSpec) -> Array:
    what = f"input {spec.name!r}"
    _refuse_extensions(entry, what)
    shape = _shape(entry.get("shape"), what)
    if entry.get("datatype") != spec.datatype.name:
        raise BadRequest(f"{what}: datatype is {_datatype(entry)}, the model takes {spec.datatype.name}")
    if not spec.fits(shape):
        raise BadRequest(f"{what}: shape is {list(shape)}, the model takes {list(spec.shape)} (-1: any)")
    if "data" not in entry:
        raise BadRequest(f"{what}: data is missing")
    try:
        array = parse(entry["data"], spec.datatype)
    except ValueError as error:
        raise BadRequest(f"{what}: {error}") from None
    return _shaped(array, shape, what)


def _datatype(entry: Mapping[str, Any]) -> str:
    given = entry.get("datatype")
    if given is None:
        return "missing"
    return (
        given
        if isinstance(given, str) and given in BY_NAME
        else f"{given!r}, which the protocol does not know"
    )


def _shape(value: object, what: str) -> tuple[int, ...]:
    if not isinstance(value, list) or not all(type(length) is int and length >= 0 for length in value):
        raise BadRequest(f"{what}: shape must be a list of whole numbers of at least 0")
    return tuple(value)


def _shaped(array: Array, shape: tuple[int, ...], what: str) -> Array:
    count = math.prod(shape)
    if array.size != count:
        raise BadRequest(f"{what}: data has {array.size} elements, shape {list(shape)} needs {count}")
    if array.size and array.ndim != 1 and array.shape != shape:
        raise BadRequest(f"{what}: data is nested as {list(array.shape)}, shape says {list(shape)}")
    return array.reshape(shape)


def _outputs(request: Mapping[str, Any], signature: Signature) -> tuple[str, ...]:
    if not request.get("outputs"):
        return tuple(spec.name for spec in signature.outputs)
    wanted: list[str] = []
    for entry in _list_of_objects(request, "outputs"):
        name = entry["name"]
        _refuse_extensions(entry, f"output {name!r}")
        if signature.output(name) is None:
            raise BadRequest(
                f"output {name!r}: the model has no such output; it gives {names(signature.outputs)}"
            )
        if name in wanted:
            raise BadRequest(f"output {name!r}: asked for twice")
        wanted.append(name)
    return tuple(wanted)


def encode(
    model: str, version: str, request: InferRequest, results: Mapping[str, Array], signature: Signature
) -> bytes:
    """Write the response's body; NaN and infinities become null."""
    answer: dict[str, Any] = {"model_name": model, "model_version": version}
    if request.id is not None:
        answer["id"] = request.id
    answer["outputs"] = [_output(name, results[name], signature) for name in request.outputs]
    return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)


def _output(name: str, array: Array, signature: Signature) -> dict[str, Any]:
    spec = signature.output(name)
    assert spec is not None, name
    return {
        "name": name,
        "datatype": spec.datatype.name,
        "shape": list(array.shape),
        "data": plain(array, spec.datatype),
    }
