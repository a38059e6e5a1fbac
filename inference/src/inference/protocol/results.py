"""The Open Inference Protocol's form of an inference response, from arrays. Pure.

Sources: `inference_rest.md` of github.com/kserve/open-inference-protocol, `extension_binary_data.md` and
`extension_classification.md` of github.com/triton-inference-server/server.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import orjson

from inference.errors import BadRequest, ModelFault
from inference.protocol import binary
from inference.protocol.datatypes import BOOL, BYTES, FLOATING, Datatype
from inference.protocol.signature import Signature
from inference.protocol.tensors import InferRequest, Output
from inference.protocol.values import Array, plain

# The class names of the output of that name, if it holds class scores; else none.
Labels = Callable[[str], tuple[str, ...]]


class Encoded(NamedTuple):
    """A response's body, and the length of its JSON if raw tensors follow."""

    body: bytes
    header: int | None


# Output parameters that list the places of infinities in `data`, where JSON has null for them.
INFINITIES = (("positive_infinity", np.inf), ("negative_infinity", -np.inf))


def encode(
    model: str,
    version: str,
    request: InferRequest,
    results: Mapping[str, Array],
    signature: Signature,
    labels: Labels = lambda _: (),
) -> Encoded:
    """Write the response; in its JSON, NaN and infinities become null. Raises BadRequest, ModelFault."""
    answer: dict[str, Any] = {"model_name": model, "model_version": version}
    if request.id is not None:
        answer["id"] = request.id
    contents = [_content(wanted, results[wanted.name], signature, labels) for wanted in request.outputs]
    # What follows the JSON, in the order of the outputs that go raw.
    raw: list[bytes | memoryview] = []
    answer["outputs"] = entries = [
        _describe(wanted, *content, raw) for wanted, content in zip(request.outputs, contents, strict=True)
    ]
    text = orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
    # Looking for the word takes a hundredth of the time of looking at each element.
    if b"null" in text and _mark_infinities(entries, contents):
        text = orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
    if not raw:
        return Encoded(text, None)
    return Encoded(b"".join([text, *raw]), len(text))


def _mark_infinities(entries: list[dict[str, Any]], contents: list[tuple[Array, Datatype]]) -> bool:
    """Add the parameters that tell infinities from NaN; return whether an output has any."""
    marked = False
    for entry, (array, datatype) in zip(entries, contents, strict=True):
        if "data" not in entry or not datatype.name.startswith(FLOATING):
            continue
        flat = array.ravel()
        for key, infinity in INFINITIES:
            places = np.flatnonzero(flat == infinity)
            if places.size:
                entry.setdefault("parameters", {})[key] = ",".join(map(str, places.tolist()))
                marked = True
    return marked


def _describe(
    wanted: Output, array: Array, datatype: Datatype, raw: list[bytes | memoryview]
) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": wanted.name, "datatype": datatype.name, "shape": array.shape}
    if not wanted.binary:
        entry["data"] = plain(array, datatype)
        return entry
    raw.append(binary.to_bytes(array, datatype))
    entry["parameters"] = {"binary_data_size": len(raw[-1])}
    return entry


def _content(wanted: Output, array: Array, signature: Signature, labels: Labels) -> tuple[Array, Datatype]:
    spec = signature.output(wanted.name)
    assert spec is not None, wanted.name
    if not wanted.classes:
        return array, spec.datatype
    if spec.datatype in (BOOL, BYTES):
        raise BadRequest(f"output {spec.name!r}: is {spec.datatype.name}; classification needs numbers")
    batched = signature.batched(spec) and array.ndim > 0
    try:
        return classes(array, wanted.classes, labels(spec.name), batched=batched), BYTES
    except ValueError as error:
        raise ModelFault(f"output {spec.name!r}: {error}") from None


def classes(array: Array, most: int, labels: tuple[str, ...], *, batched: bool) -> Array:
    """Return the best `most` classes of each row of a batch, `value:index[:label]`, as [rows, classes].

    Without a batch, all elements are the classes of one row, and the result is [classes]. Raises ValueError
    if there are labels, and not one for each class.
    """
    shape = (len(array), math.prod(array.shape[1:])) if batched else (1, array.size)
    rows = array.reshape(shape)
    if labels and len(labels) != shape[1]:
        raise ValueError(f"has {shape[1]} classes for the {len(labels)} labels of serving.json")
    best = np.empty((shape[0], min(most, shape[1])), object)
    for place, row in enumerate(rows):
        best[place] = [_class(row, at, labels) for at in _descending(row)[:most]]
    return best if batched else best[0]


def _descending(row: Array) -> list[int]:
    # Not the negative: an unsigned integer has none. What is no number comes last.
    keys = ~row if row.dtype.kind in "iu" else -row.astype(np.float64)
    return [int(at) for at in np.argsort(keys, kind="stable")]


def _class(row: Array, at: int, labels: tuple[str, ...]) -> str:
    value = str(int(row[at])) if row.dtype.kind in "iu" else f"{float(row[at]):f}"
    return f"{value}:{at}:{labels[at]}" if labels else f"{value}:{at}"
