"""The name and the shape of a graph's input or output."""

from inference.models.graph.fields import DIMENSION, SHAPE, TENSOR_TYPE, TYPE, VALUE_INFO
from inference.models.graph.wire import Message, signed


def value_info(message: Message) -> tuple[str, list[int | None] | None]:
    """Read a ValueInfoProto; returns the name and the shape.

    A length is None if the file does not give it, the shape if there is none or the value is no tensor.
    """
    name, place = _last(message, VALUE_INFO["name"]), _last(message, VALUE_INFO["type"])
    for number in (TYPE["tensor_type"], TENSOR_TYPE["shape"]):
        place = _last(place, number) if isinstance(place, Message) else None
    text = name.text() if isinstance(name, Message) else ""
    if not isinstance(place, Message):
        return text, None
    dims = [value for number, _, value in place.fields() if number == SHAPE["dim"]]
    lengths = [_last(dim, DIMENSION["dim_value"]) if isinstance(dim, Message) else None for dim in dims]
    return text, [signed(length) if isinstance(length, int) else None for length in lengths]


def _last(message: Message, number: int) -> int | Message | None:
    found = None
    for field_number, _, value in message.fields():
        if field_number == number:
            found = value
    return found
