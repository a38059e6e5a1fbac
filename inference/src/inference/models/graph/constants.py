"""Constants: those of a graph, and those that Constant nodes make."""

import math
from typing import Any

from inference.models.graph.call import Call
from inference.models.graph.tensor import MAX_ELEMENTS, Tensor
from inference.models.graph.value import Mixes, Value, objects, of_content


def of_tensor(tensor: Tensor) -> Value:
    """Return a constant's value; its numbers only if they are few."""
    shape = tuple(tensor.dims)
    values = tensor.values() if math.prod(shape) <= MAX_ELEMENTS else None
    if values is None:
        return Value(shape)
    return of_content(objects(values.ravel().tolist(), shape))


def constant_node(call: Call) -> list[Value]:
    """Return the value of a Constant node; raises Mixes if it is of a kind that is not read."""
    attributes = call.attributes
    if "value" in attributes:
        tensor = attributes["value"].tensor()
        if tensor is not None:
            return [of_tensor(tensor)]
    found: Any = None
    for name in attributes:
        if name in ("value_int", "value_float"):
            found = attributes[name].integer() if name == "value_int" else attributes[name].real()
            return [of_content(objects([found], ()))]
        if name in ("value_ints", "value_floats"):
            found = attributes[name].integers() if name == "value_ints" else attributes[name].reals()
            return [of_content(objects(found, (len(found),)))]
    raise Mixes("it is a constant of a kind that is not read")
