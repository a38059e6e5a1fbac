"""The Open Inference Protocol's form of an inference request, to arrays. Pure.

Source: `inference_rest.md` of github.com/kserve/open-inference-protocol. Keys that it does not know are
ignored, as it asks for.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from inference.errors import BadRequest
from inference.protocol import binary, parameters
from inference.protocol.binary import HEADER, Tail
from inference.protocol.datatypes import BY_NAME
from inference.protocol.jsontext import load_object
from inference.protocol.limits import DEFAULT, JsonLimits, Text
from inference.protocol.signature import VARIABLE, Signature, TensorSpec, names
from inference.protocol.values import Array, parse


class Output(NamedTuple):
    """An output that is wanted: raw or as JSON, and how many of its best classes (0: the tensor itself)."""

    name: str
    binary: bool = False
    classes: int = 0


class InferRequest(NamedTuple):
    """What a client asks: one array for each input of the model, and the outputs it wants, in its order.

    `alone`: it gives an optional input, which holds for a whole run. So no other request may share the run.
    """

    id: str | None
    inputs: dict[str, Array]
    outputs: tuple[Output, ...]
    alone: bool = False


def decode(
    body: Text, signature: Signature, header: str | None = None, limits: JsonLimits = DEFAULT
) -> InferRequest:
    """Read a request's body for a model of that signature; raises BadRequest, or TooLarge by `limits`.

    `header` is the value of Inference-Header-Content-Length, None if the whole body is JSON.
    """
    text, tail = (body, None) if header is None else binary.split(body, header)
    if header is not None and not len(text):
        return _without_json(body, signature)
    request = load_object(text, limits)
    identity = request.get("id")
    if not isinstance(identity, str | None):
        raise BadRequest("id: must be a string")
    raw = parameters.flag(parameters.of_request(request), "binary_data_output", "the request")
    inputs = _inputs(request, signature, tail)
    alone = len(inputs) > len(signature.inputs)
    decoded = InferRequest(identity, inputs, _outputs(request, signature, raw), alone)
    if tail:
        tail.end()
    return decoded


def _without_json(body: Text, signature: Signature) -> InferRequest:
    """Read a body that is the only input's raw tensor; all outputs are wanted raw."""
    if len(signature.inputs) != 1:
        raise BadRequest(f"{HEADER}: is 0, which needs a model of one input; this takes {signature.takes()}")
    (spec,) = signature.inputs
    try:
        array = binary.whole(memoryview(body), spec)
    except ValueError as error:
        raise BadRequest(f"input {spec.name!r}: {error}") from None
    return InferRequest(
        None, {spec.name: array}, tuple(Output(spec.name, True) for spec in signature.outputs)
    )


def batch_size(request: InferRequest, signature: Signature) -> int:
    """Return how many inferences a request is: the first dimension, if that may be of any length, else 1."""
    first = signature.inputs[0] if signature.inputs else None
    batched = first is not None and first.shape[:1] == (VARIABLE,)
    return request.inputs[first.name].shape[0] if first and batched else 1


def _list_of_objects(request: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    value = request.get(key)
    if not isinstance(value, list) or not set(map(type, value)) <= {dict}:
        raise BadRequest(f"{key}: must be a list of objects")
    for item in value:
        if not isinstance(item.get("name"), str):
            raise BadRequest(f"{key}: every entry needs a name, a string")
    return value


def _inputs(request: Mapping[str, Any], signature: Signature, tail: Tail | None) -> dict[str, Array]:
    arrays: dict[str, Array] = {}
    for entry in _list_of_objects(request, "inputs"):
        name = entry["name"]
        spec = signature.input(name)
        if spec is None:
            raise BadRequest(f"input {name!r}: the model has no such input; it takes {signature.takes()}")
        if name in arrays:
            raise BadRequest(f"input {name!r}: given twice")
        arrays[name] = _array(entry, spec, tail)
    missing = tuple(spec for spec in signature.inputs if spec.name not in arrays)
    if missing:
        raise BadRequest(f"inputs: missing {names(missing)}; the model takes {signature.takes()}")
    return arrays


def _array(entry: Mapping[str, Any], spec: TensorSpec, tail: Tail | None) -> Array:
    what = f"input {spec.name!r}"
    shape = _shape(entry.get("shape"), what)
    if entry.get("datatype") != spec.datatype.name:
        raise BadRequest(f"{what}: datatype is {_datatype(entry)}, the model takes {spec.datatype.name}")
    if not spec.fits(shape):
        raise BadRequest(f"{what}: shape is {list(shape)}, the model takes {list(spec.shape)} (-1: any)")
    given = parameters.read(entry, what)
    try:
        if "binary_data_size" in given:
            raw = _raw(entry, parameters.count(given, "binary_data_size", what), tail, what)
            return binary.to_array(raw, spec.datatype, math.prod(shape)).reshape(shape)
        if entry.get("data") is None:
            raise BadRequest(f"{what}: data is missing")
        return _shaped(parse(entry["data"], spec.datatype), shape, what)
    except ValueError as error:
        raise BadRequest(f"{what}: {error}") from None


def _raw(entry: Mapping[str, Any], size: int, tail: Tail | None, what: str) -> memoryview:
    if entry.get("data") is not None:
        raise BadRequest(f"{what}: has both data and binary_data_size; give one of them")
    if tail is None:
        raise BadRequest(f"{what}: binary_data_size needs the header {HEADER}, the length of the JSON")
    return tail.take(size, what)


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
    if not isinstance(value, list) or not set(map(type, value)) <= {int} or min(value, default=0) < 0:
        raise BadRequest(f"{what}: shape must be a list of whole numbers of at least 0")
    return tuple(value)


def _shaped(array: Array, shape: tuple[int, ...], what: str) -> Array:
    count = math.prod(shape)
    if array.size != count:
        raise BadRequest(f"{what}: data has {array.size} elements, shape {list(shape)} needs {count}")
    if array.size and array.ndim != 1 and array.shape != shape:
        raise BadRequest(f"{what}: data is nested as {list(array.shape)}, shape says {list(shape)}")
    return array.reshape(shape)


def _outputs(request: Mapping[str, Any], signature: Signature, raw: bool) -> tuple[Output, ...]:
    if not request.get("outputs"):
        return tuple(Output(spec.name, raw) for spec in signature.outputs)
    wanted: dict[str, Output] = {}
    for entry in _list_of_objects(request, "outputs"):
        name = entry["name"]
        if signature.output(name) is None:
            raise BadRequest(
                f"output {name!r}: the model has no such output; it gives {names(signature.outputs)}"
            )
        if name in wanted:
            raise BadRequest(f"output {name!r}: asked for twice")
        wanted[name] = _output(entry, raw)
    return tuple(wanted.values())


def _output(entry: Mapping[str, Any], raw: bool) -> Output:
    what = f"output {entry['name']!r}"
    given = parameters.read(entry, what)
    is_raw = parameters.flag(given, "binary_data", what, raw)
    return Output(entry["name"], is_raw, parameters.count(given, "classification", what))
