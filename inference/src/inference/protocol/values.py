"""JSON data to numpy and back, for one tensor. Pure; errors are ValueErrors without the tensor's name."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.protocol import bulk
from inference.protocol.datatypes import BF16, BYTES, FLOATING, Datatype

Array = NDArray[Any]

# numpy has 64 dimensions at most; no model comes near.
MAX_DEPTH = 64
RAGGED = "the lists are not all of the same length and depth"

_WANTED: dict[str, set[type]] = {"b": {bool, int}, "i": {int}, "u": {int}, "O": {str}}
# JSON has no word for NaN; null stands for it in inputs as in outputs, and numpy reads None so.
_NUMBERS: set[type] = {int, float, type(None)}


def parse(data: object, datatype: Datatype) -> Array:
    """Make an array from nested or flat JSON data; the array has the shape of the nesting.

    `null` is NaN where the datatype has one. Raises ValueError if the lists are ragged, or hold what the
    datatype cannot.
    """
    many = bulk.numbers(data)
    if many is not None and _takes(datatype, many):
        return _cast(many, datatype)
    # numpy would take "1" for 1 and true for 1.0, and of one long string among numbers it would make an array
    # with room for it everywhere: so the types are looked at first.
    kinds = _element_types(data)
    wanted = _WANTED.get(datatype.dtype.kind, _NUMBERS)
    if not kinds <= wanted:
        wrong = kinds - wanted
        raise ValueError(f"{_first(data, wrong)} is no {datatype.name} value{_cure(wrong, datatype)}")
    try:
        with np.errstate(over="raise"):
            # The cast of a list to bfloat16 overflows silently, that of an array does not.
            source = np.dtype(np.float64) if datatype is BF16 else datatype.dtype
            array = np.array(data, dtype=source).astype(datatype.dtype, copy=False)
    except (OverflowError, FloatingPointError):
        raise ValueError(f"a value is out of the range of {datatype.name}") from None
    except ValueError:
        raise ValueError(RAGGED) from None
    return _checked(array, data, datatype, kinds)


def _takes(datatype: Datatype, many: Array) -> bool:
    kind = datatype.dtype.kind
    return kind not in _WANTED or (kind in "iu" and many.dtype.kind == "i")


def _cast(many: Array, datatype: Datatype) -> Array:
    beyond = f"a value is out of the range of {datatype.name}"
    if datatype.dtype.kind in "iu":
        bounds = np.iinfo(datatype.dtype.name)
        if many.min() < bounds.min or many.max() > bounds.max:
            raise ValueError(beyond)
    try:
        with np.errstate(over="raise"):
            return many.astype(datatype.dtype)
    except FloatingPointError:
        raise ValueError(beyond) from None


def _cure(kinds: set[type], datatype: Datatype) -> str:
    lacks = kinds == {type(None)} and not datatype.name.startswith(FLOATING)
    return f"; {datatype.name} has no missing values" if lacks else ""


def _element_types(data: object, depth: int = 0) -> set[type]:
    if not isinstance(data, list):
        return {type(data)}
    kinds = set(map(type, data))
    if list in kinds:
        if depth == MAX_DEPTH:
            raise ValueError(f"the lists are nested more than {MAX_DEPTH} deep")
        kinds.remove(list)
        kinds.update(*(_element_types(item, depth + 1) for item in data if isinstance(item, list)))
    return kinds


def _first(data: object, kinds: set[type]) -> str:
    """Find the first element of these types, and write it as JSON, shortened."""
    pending = [data]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending.extend(reversed(item))
        elif type(item) in kinds:
            text = json.dumps(item)
            return text if len(text) <= 40 else text[:40] + "…"
    raise AssertionError(kinds)


def _checked(array: Array, data: object, datatype: Datatype, kinds: set[type]) -> Array:
    if datatype is BYTES and not all(isinstance(element, str) for element in array.flat):
        raise ValueError(RAGGED)
    if datatype.name == "BOOL" and int in kinds and not np.isin(np.array(data), (0, 1)).all():
        raise ValueError("only true, false, 1 and 0 are BOOL values")
    return array


def plain(array: Array, datatype: Datatype) -> object:
    """Return the elements, row by row, as something that orjson writes: a flat array or list."""
    flat = np.ascontiguousarray(array).ravel()
    if datatype is BF16:
        return flat.astype(np.float32)
    return flat.tolist() if flat.dtype.kind == "O" else flat
