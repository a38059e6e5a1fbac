"""The binary tensor extension: raw tensors after the JSON of a request or of a response. Pure.

Source: `docs/protocol/extension_binary_data.md` of github.com/triton-inference-server/server. Numbers are
little-endian, as in the memory of all machines that onnxruntime runs on, so arrays are views of the body.
"""

import math
from dataclasses import dataclass

import numpy as np

from inference.errors import BadRequest
from inference.protocol.datatypes import BOOL, BYTES, Datatype
from inference.protocol.signature import VARIABLE, TensorSpec
from inference.protocol.values import Array

HEADER = "Inference-Header-Content-Length"
CONTENT_TYPE = "application/octet-stream"
LENGTH_BYTES = 4


@dataclass(slots=True)
class Tail:
    """The raw tensors of a request; they are taken one after the other, and none may be left."""

    _rest: memoryview

    def take(self, size: int, what: str) -> memoryview:
        """Take the next tensor's bytes; raises BadRequest if there are fewer."""
        if size > len(self._rest):
            raise BadRequest(
                f"{what}: binary_data_size is {size}, the body has {len(self._rest)} bytes left for it"
            )
        raw, self._rest = self._rest[:size], self._rest[size:]
        return raw

    def end(self) -> None:
        """Raise BadRequest if bytes are left that belong to no tensor."""
        if len(self._rest):
            raise BadRequest(f"the body has {len(self._rest)} bytes more than its tensors need")


def split(body: bytes | bytearray | memoryview, header: str) -> tuple[memoryview, Tail]:
    """Split a body into its JSON and its raw tensors, by the value of the header; raises BadRequest."""
    text = header.strip()
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise BadRequest(f"{HEADER}: must be the number of bytes of the JSON, got {header!r}")
    length = int(text)
    if length > len(body):
        raise BadRequest(f"{HEADER}: is {length}, the whole body has {len(body)} bytes")
    view = memoryview(body)
    return view[:length], Tail(view[length:])


def to_array(raw: memoryview, datatype: Datatype, count: int) -> Array:
    """Make a flat array of `count` elements, a view of the bytes if they lie as they must.

    Raises ValueError if there are too many or too few of them, or if they are no such elements.
    """
    if datatype is BYTES:
        return _strings(raw, count)
    wanted = count * datatype.dtype.itemsize
    if len(raw) != wanted:
        raise ValueError(f"has {len(raw)} bytes, {count} elements of {datatype.name} need {wanted}")
    if not count:
        return np.empty(0, datatype.dtype)
    if datatype is BOOL and np.frombuffer(raw, np.uint8).max() > 1:
        raise ValueError("only the bytes 0 and 1 are BOOL values")
    array = np.frombuffer(raw, datatype.dtype)
    # The JSON before it may have any length; what is compiled for numbers may count on their alignment.
    return array if array.flags.aligned else array.copy()


def _strings(raw: memoryview, count: int) -> Array:
    strings, at = [], 0
    for number in range(count):
        start = at + LENGTH_BYTES
        if start > len(raw):
            raise ValueError(f"the data ends before element {number} of {count}")
        at = start + int.from_bytes(raw[at:start], "little")
        if at > len(raw):
            raise ValueError(f"element {number} is {at - start} bytes long, {len(raw) - start} are left")
        try:
            strings.append(str(raw[start:at], "utf-8"))
        except UnicodeDecodeError:
            raise ValueError(f"element {number} is not UTF-8, which a string of ONNX must be") from None
    if at < len(raw):
        raise ValueError(f"has {len(raw) - at} bytes more than its {count} elements")
    array = np.empty(count, object)
    array[:] = strings
    return array


def to_bytes(array: Array, datatype: Datatype) -> bytes | memoryview:
    """Write an array's elements row by row, without a copy where they lie so already."""
    if datatype is BYTES:
        elements = [str(element).encode() for element in array.flat]
        return b"".join(
            part for item in elements for part in (len(item).to_bytes(LENGTH_BYTES, "little"), item)
        )
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def whole(raw: memoryview, spec: TensorSpec) -> Array:
    """Make a model's only input of a body without JSON; its shape follows from the number of bytes.

    One dimension may be of any length, and a first one beside it, which is 1 then. Raises ValueError.
    """
    if spec.datatype is BYTES:
        return _only_string(raw, spec)
    shape = list(spec.shape)
    if shape.count(VARIABLE) > 1 and shape[0] == VARIABLE:
        shape[0] = 1
    if shape.count(VARIABLE) > 1:
        raise ValueError(
            f"the number of bytes does not tell the shape {list(spec.shape)}; send JSON before them"
        )
    known = math.prod(length for length in shape if length != VARIABLE)
    width = known * spec.datatype.dtype.itemsize
    if VARIABLE in shape:
        shape[shape.index(VARIABLE)] = len(raw) // width if width else 0
    return to_array(raw, spec.datatype, math.prod(shape)).reshape(shape)


def _only_string(raw: memoryview, spec: TensorSpec) -> Array:
    shape = [1 if length == VARIABLE else length for length in spec.shape]
    if math.prod(shape) != 1:
        raise ValueError(f"a body without JSON is one string, the model takes {list(spec.shape)}")
    try:
        return np.array([str(raw, "utf-8")], object).reshape(shape)
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8, which a string of ONNX must be") from None
