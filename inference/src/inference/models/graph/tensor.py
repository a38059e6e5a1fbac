"""Constants of an ONNX file: their shapes, and the values of small ones, such as the shape of a Reshape."""

import math
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.models.graph.fields import ENTRY, EXTERNAL, TENSOR
from inference.models.graph.wire import Message, integers, malformed, reals

# The most elements of a constant whose values are read.
MAX_ELEMENTS = 1024
# The datatypes of TensorProto whose values may be a shape, an axis or a scale, as they lie in `raw_data`.
DTYPES = {
    1: "<f4", 2: "u1", 3: "i1", 4: "<u2", 5: "<i2", 6: "<i4", 7: "<i8", 9: "?", 10: "<f2", 11: "<f8",
    12: "<u4", 13: "<u8",
}  # fmt: skip
_INTEGERS = (TENSOR["int32_data"], TENSOR["int64_data"], TENSOR["uint64_data"])
_REALS = {TENSOR["float_data"]: "f", TENSOR["double_data"]: "d"}
_FLOAT16 = 10


@dataclass(slots=True)
class Tensor:
    """A constant: its name, shape and datatype (of TensorProto.DataType), and where its bytes are."""

    directory: Path
    name: str = ""
    dims: list[int] = field(default_factory=list)
    kind: int = 0
    raw: Message | None = None
    typed: list[tuple[int, int, int | Message]] = field(default_factory=list)
    location: int = 0
    external: dict[str, str] = field(default_factory=dict)

    def values(self) -> NDArray[Any] | None:
        """Return the values as an array; None if they are many, or of a datatype that is no number's."""
        count = math.prod(self.dims)
        if self.kind not in DTYPES or not 0 <= count <= MAX_ELEMENTS:
            return None
        dtype = np.dtype(DTYPES[self.kind])
        if self.location == EXTERNAL:
            data = self._read_external(count * dtype.itemsize)
        elif self.raw is not None:
            data = self.raw.read()
        else:
            return self._typed(dtype, count)
        if data is None or len(data) != count * dtype.itemsize:
            return None
        return np.frombuffer(data, dtype).reshape(self.dims)

    def _typed(self, dtype: np.dtype[Any], count: int) -> NDArray[Any] | None:
        found: list[Any] = []
        for number, wire, value in self.typed:
            found += reals(value, _REALS[number]) if number in _REALS else integers(wire, value)
        if len(found) != count:
            return None
        if self.kind == _FLOAT16:
            return np.array(found, np.uint16).view(dtype).reshape(self.dims)
        return np.array(found).astype(dtype).reshape(self.dims)

    def _read_external(self, length: int) -> bytes | None:
        """Return the bytes of a constant beside the model; None if its place is not inside the bundle."""
        path = PurePosixPath(self.external.get("location", ""))
        if not path.parts or path.is_absolute() or ".." in path.parts:
            return None
        try:
            with (self.directory / path).open("rb") as file:
                file.seek(int(self.external.get("offset", "0")))
                return file.read(length)
        except (OSError, ValueError):
            return None


def read_tensor(message: Message, directory: Path) -> Tensor:
    """Read a TensorProto but its values; raises Refused if it is malformed."""
    tensor = Tensor(directory)
    for number, wire, value in message.fields():
        if number == TENSOR["dims"]:
            tensor.dims += integers(wire, value)
        elif number in _INTEGERS or number in _REALS:
            _keep(tensor, number, wire, value)
        elif number == TENSOR["data_type"] and isinstance(value, int):
            tensor.kind = value
        elif number == TENSOR["data_location"] and isinstance(value, int):
            tensor.location = value
        elif isinstance(value, Message):
            _take(tensor, number, value)
    if any(length < 0 for length in tensor.dims):
        raise malformed(f"constant {tensor.name!r} has a negative dimension")
    return tensor


def _keep(tensor: Tensor, number: int, wire: int, value: int | Message) -> None:
    # One more than are ever read tells that there are too many.
    if len(tensor.typed) <= MAX_ELEMENTS:
        tensor.typed.append((number, wire, value))


def _take(tensor: Tensor, number: int, value: Message) -> None:
    if number == TENSOR["name"]:
        tensor.name = value.text()
    elif number == TENSOR["raw_data"]:
        tensor.raw = value
    elif number == TENSOR["external_data"]:
        pair = {
            key: item.text()
            for field_number, _, item in value.fields()
            for key, known in ENTRY.items()
            if field_number == known and isinstance(item, Message)
        }
        tensor.external[pair.get("key", "")] = pair.get("value", "")
