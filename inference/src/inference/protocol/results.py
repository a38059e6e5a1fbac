"""The Open Inference Protocol's form of an inference response, from arrays. Pure.

Sources: `inference_rest.md` of github.com/kserve/open-inference-protocol, `extension_binary_data.md` and
`extension_classification.md` of github.com/triton-inference-server/server.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson

from inference.errors import BadRequest
from inference.protocol import binary
from inference.protocol.datatypes import BOOL, BYTES, Datatype
from inference.protocol.signature import Signature
from inference.protocol.tensors import InferRequest, Output
from inference.protocol.values import Array, plain

Labels = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Encoded:
    """A response's body, and the length of its JSON if raw tensors follow."""

    body: bytes
    header: int | None


@dataclass(slots=True)
class _Writer:
    """Describes outputs in JSON; those that go raw are collected in their order."""

    tensors: list[bytes | memoryview] = field(default_factory=list)

    def describe(self, wanted: Output, array: Array, datatype: Datatype) -> dict[str, Any]:
        entry = {"name": wanted.name, "datatype": datatype.name, "shape": list(array.shape)}
        if not wanted.binary:
            return {**entry, "data": plain(array, datatype)}
        raw = binary.to_bytes(array, datatype)
        self.tensors.append(raw)
        return {**entry, "parameters": {"binary_data_size": len(raw)}}


def encode(
    model: str,
    version: str,
    request: InferRequest,
    results: Mapping[str, Array],
    signature: Signature,
    labels: Labels,
) -> Encoded:
    """Write the response; in its JSON, NaN and infinities become null. Raises BadRequest.

    `labels` has the class names of outputs that hold class scores.
    """
    writer = _Writer()
    answer: dict[str, Any] = {"model_name": model, "model_version": version}
    if request.id is not None:
        answer["id"] = request.id
    answer["outputs"] = [
        writer.describe(wanted, *_content(wanted, results[wanted.name], signature, labels))
        for wanted in request.outputs
    ]
    text = orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
    if not writer.tensors:
        return Encoded(text, None)
    return Encoded(b"".join([text, *writer.tensors]), len(text))


def _content(wanted: Output, array: Array, signature: Signature, labels: Labels) -> tuple[Array, Datatype]:
    spec = signature.output(wanted.name)
    assert spec is not None, wanted.name
    if not wanted.classes:
        return array, spec.datatype
    if spec.datatype in (BOOL, BYTES):
        raise BadRequest(f"output {spec.name!r}: is {spec.datatype.name}; classification needs numbers")
    return classes(array, wanted.classes, labels.get(spec.name, ())), BYTES


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
