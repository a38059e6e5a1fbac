"""Long JSON lists of numbers to numpy, flat or nested. Pure.

Python's marshal writes a list as a mark, its length and its elements, a float as a mark and eight bytes, and
a whole number of 32 bits as a mark and four. So what it writes of lists that are all of one length and kind
is an array of records, and numpy can tell whether it is. That takes a third of the time of looking at each
element's type and letting numpy read it, and for a deep nesting a tenth.
"""

import marshal
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Shorter lists are read the plain way, which is quicker for them.
MANY = 1024
# Deeper ones are, too: numpy has 64 dimensions at most.
_DEEP = 16
# Larger records are refused by numpy; lists that differ in length may seem to be that large.
_LARGEST = 1 << 30
# Of marshal's format; later versions write a number that comes again as a reference.
_VERSION = 2
_LIST, _FLOAT, _WHOLE = b"[gi"
_RECORDS = {
    float: np.dtype([("mark", np.uint8), ("value", "<f8")]),
    int: np.dtype([("mark", np.uint8), ("value", "<i4")]),
}
_MARKS = {float: _FLOAT, int: _WHOLE}


def numbers(data: Any) -> NDArray[Any] | None:
    """Make an array of doubles, or of whole numbers of 32 bits, in the shape of the nesting.

    None if there are few, or if anything in it is of another kind or length than the first.
    """
    shape, first = _shape(data)
    record = _RECORDS.get(type(first))
    if record is None or math.prod(shape) < MANY:
        return None
    for length in reversed(shape):
        if record.itemsize * length > _LARGEST:
            return None
        record = np.dtype([("mark", np.uint8), ("length", "<u4"), ("items", record, (length,))])
    written = marshal.dumps(data, _VERSION)
    if len(written) != record.itemsize:
        return None
    level = np.frombuffer(written, record)[0]
    for length in shape:
        if (level["mark"] != _LIST).any() or (level["length"] != length).any():
            return None
        level = level["items"]
    return None if (level["mark"] != _MARKS[type(first)]).any() else np.asarray(level["value"])


def _shape(data: Any) -> tuple[list[int], Any]:
    """Follow the first elements; return how long the lists are, and the first of what they hold."""
    shape: list[int] = []
    while isinstance(data, list) and data and len(shape) < _DEEP:
        shape.append(len(data))
        data = data[0]
    return shape, data
