"""The Open Inference Protocol's form of an inference response, from arrays. Pure.

Sources: `inference_rest.md` of github.com/kserve/open-inference-protocol, `extension_binary_data.md` and
`extension_classification.md` of github.com/triton-inference-server/server.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import orjson

from inference.errors import BadRequest
from inference.protocol import binary
from inference.protocol.datatypes import BOOL, BYTES, Datatype
from inference.protocol.signature import Signature
from inference.protocol.tensors import InferRequest, Output
from inference.protocol.values import Array, plain

# The class names of the output of that name, if it holds class scores; else none.
Labels = Callable[[str], tuple[str, ...]]


class Encoded(NamedTuple):
    """A response's body, and the length of its JSON if raw tensors follow."""

    body: bytes
    header: int | None


def encode(
    model: str,
    version: str,
    request: InferRequest,
    results: Mapping[str, Array],
    signature: Signature,
    labels: Labels = lambda _: (),
) -> Encoded:
    """Write the response; in its JSON, NaN and infinities become null. Raises BadRequest."""
    # What follows the JSON, in the order of the outputs that go raw.
    raw: list[bytes | memoryview] = []
    answer: dict[str, Any] = {"model_name": model, "model_version": version}
    if request.id is not None:
        answer["id"] = request.id
    answer["outputs"] = [
        _describe(wanted, *_content(wanted, results[wanted.name], signature, labels), raw)
        for wanted in request.outputs
    ]
    text = orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
    if not raw:
        return Encoded(text, None)
    return Encoded(b"".join([text, *raw]), len(text))


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
    return classes(array, wanted.classes, labels(spec.name)), BYTES


def classes(array: Array, most: int, labels: tuple[str, ...]) -> Array:
    """Return the best `value:index[:label]` of each row, the first dimension's; a vector is one row."""
    rows = array.reshape(len(array) if array.ndim > 1 else 1, -1) if array.size else array.reshape(0, 0)
    named = labels if len(labels) == rows.shape[1] else ()
    best = [[_class(row, at, named) for at in _descending(row)[:most]] for row in rows]
    return np.array(best if array.ndim > 1 else best[0] if best else [], object)


def _descending(row: Array) -> list[int]:
    # Not the negative: an unsigned integer has none. What is no number comes last.
    keys = ~row if row.dtype.kind in "iu" else -row.astype(np.float64)
    return [int(at) for at in np.argsort(keys, kind="stable")]


def _class(row: Array, at: int, labels: tuple[str, ...]) -> str:
    value = str(int(row[at])) if row.dtype.kind in "iu" else f"{float(row[at]):f}"
    return f"{value}:{at}:{labels[at]}" if labels else f"{value}:{at}"
