"""Operators that take parts of tensors, or put parts together."""

import itertools
from collections.abc import Sequence

from inference.models.bundle import MAX_BATCH_SIZE
from inference.models.graph.call import Call, Rule, apart, within
from inference.models.graph.terms import Length, Number, of_rows, over, rows
from inference.models.graph.value import EVERYWHERE, FIRST_COLUMN, Content, Mixes, Value, objects, of_content

# An end of a slice that no dimension reaches.
_FAR = 2**31 - 1


def concat(call: Call) -> list[Value]:
    """Return the inputs one after the other along an axis that has no rows."""
    places = range(len(call.inputs))
    if call.version < 4 and "axis" not in call.attributes:
        raise Mixes("it has no axis")
    axis = within(call.integer("axis", 1), call.value(0).rank)
    if call.value(0).rank == 1 and any(call.value(place).content is not None for place in places):
        content = [call.content(place) for place in places]
        numbers = [number for piece in content if piece is not None for number in piece]
        return [of_content(objects(numbers, (len(numbers),)))]
    values = [call.value(place) for place in places]
    if all(value.constant for value in values):
        return [Value(_joined(call, values, axis))]
    rowed, along = call.rowed(0, numbered=EVERYWHERE)
    apart(rowed, axis, "puts tensors one after the other")
    for place in places:
        value, _ = call.rowed(place, along, numbered=EVERYWHERE)
        if value.dims[along] != rowed.dims[along]:
            raise Mixes("the rows of its inputs have different lengths")
    return [Value(_joined(call, values, axis), along, numbered=_numbered(values, axis))]


def _joined(call: Call, values: list[Value], axis: int) -> tuple[Length, ...]:
    lengths = [value.dims[axis] for value in values]
    known = [length for length in lengths if isinstance(length, int)]
    total: Length = sum(known) if len(known) == len(lengths) else call.fresh()
    first = values[0].dims
    for value in values:
        pairs = zip(first, value.dims, strict=True)
        others = [pair for place, pair in enumerate(pairs) if place != axis]
        if any(a != b and isinstance(a, int) and isinstance(b, int) for a, b in others):
            # onnxruntime gives unset memory if one of them has no elements.
            raise Mixes("its inputs differ in another dimension, too")
    return (*first[:axis], total, *first[axis + 1 :])


def _numbered(values: list[Value], axis: int) -> str:
    """Return where the elements of joined tensors are row numbers; raises Mixes if unsure."""
    if not any(value.numbered for value in values):
        return ""
    first, others = values[0], values[1:]
    alone = first.numbered == EVERYWHERE and not any(value.numbered for value in others)
    if alone and axis == first.rank - 1 and first.dims[-1] == 1:
        return FIRST_COLUMN
    raise Mixes("it puts row numbers beside other numbers")


def cut(call: Call) -> list[Value]:
    """Return a part of the input; all of the dimension that has the rows."""
    rank = call.value(0).rank
    by_inputs = call.version >= 10
    starts = call.numbers(1) if by_inputs else list[Number](call.integers("starts") or [])
    ends = call.numbers(2) if by_inputs else list[Number](call.integers("ends") or [])
    axes = call.known(3) if by_inputs else call.integers("axes")
    steps = call.numbers(4) if by_inputs and call.has(4) else list[Number]([1] * len(starts))
    axes = [within(axis, rank) for axis in (range(len(starts)) if axes is None else axes)]
    content = call.value(0).content
    exact = all(isinstance(number, int) for number in (*starts, *ends, *steps))
    if content is not None and (exact or call.value(0).counts):
        return [of_content(_part(content, axes, starts, ends, steps))]
    value = call.data(0)
    dims = list(value.dims)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        whole = start == 0 and step == 1 and _reaches(end, dims[axis])
        if axis == value.rows and not whole:
            raise Mixes(f"it takes a part of dimension {axis}, which has the rows")
        if any(map(of_rows, (start, end, step))) and not whole:
            raise Mixes("the part that it takes depends on the number of rows")
        dims[axis] = dims[axis] if whole else _remaining(call, dims[axis], start, end, step)
    return [value.with_shape(tuple(dims), value.rows)]


def _reaches(end: Number, length: Length) -> bool:
    """Return whether a slice that ends there has all of a dimension of a shared run."""
    if end == length:
        return True
    block = over(length, rows())
    most = MAX_BATCH_SIZE * block if isinstance(block, int) else _FAR
    return isinstance(end, int) and end >= min(most, _FAR)


def _remaining(call: Call, length: Length, start: Number, end: Number, step: Number) -> Length:
    numbers = (length, start, end, step)
    if any(not isinstance(number, int) for number in numbers) or step == 0:
        return call.fresh()
    return len(range(length)[slice(start, end, step)])  # type: ignore[arg-type]


def _part(
    content: Content, axes: list[int], starts: list[Number], ends: list[Number], steps: list[Number]
) -> Content:
    index: list[slice] = [slice(None)] * content.ndim
    for axis, *bounds in zip(axes, starts, ends, steps, strict=True):
        if not all(isinstance(bound, int) for bound in bounds) or bounds[2] == 0:
            raise Mixes("which numbers it takes is unknown")
        start, end, step = (int(bound) for bound in bounds if isinstance(bound, int))
        # The least number of 64 bits stands for the very start.
        index[axis] = slice(start, None if step < 0 and end < -content.shape[axis] else end, step)
    return content[tuple(index)]


def split(call: Call) -> list[Value]:
    """Return the parts of the input along an axis that has no rows."""
    value = call.data(0) if call.value(0).content is None else call.value(0)
    axis = within(call.integer("axis", 0), value.rank)
    count = len(call.node.outputs)
    sizes = call.listed("split", 1)
    if value.content is not None:
        length = value.content.shape[axis]
        part = -(-length // count)
        ends = sizes or [min(part, length - part * place) for place in range(count)]
        bounds = [sum(ends[:place]) for place in range(count + 1)]
        return [of_content(value.content.take(range(*cut), axis)) for cut in itertools.pairwise(bounds)]
    apart(value, axis, "splits the tensor")
    length = value.dims[axis]
    each = over(length, count)
    parts: Sequence[Length] = sizes or ([each] * count if each is not None else call.unknown(count))
    if len(parts) != count:
        raise Mixes("it has another number of parts than of outputs")
    dims = value.dims
    return [value.with_shape((*dims[:axis], part, *dims[axis + 1 :]), value.rows) for part in parts]


def pad(call: Call) -> list[Value]:
    """Return the input with further elements around it, none along the rows."""
    value = call.data(0)
    call.fixed(2)
    pads = call.numbers(1) if call.has(1) else list[Number](call.integers("pads") or [])
    axes = call.known(3)
    chosen = [within(axis, value.rank) for axis in (range(value.rank) if axes is None else axes)]
    if len(pads) != 2 * len(chosen):
        raise Mixes("it has not two numbers for each dimension")
    dims = list(value.dims)
    for place, axis in enumerate(chosen):
        ends = (pads[place], pads[place + len(chosen)])
        if axis == value.rows and any(number != 0 for number in ends):
            raise Mixes(f"it adds elements to dimension {axis}, which has the rows")
        if any(map(of_rows, ends)):
            raise Mixes("the elements that it adds depend on the number of rows")
        if ends != (0, 0):
            known = [number for number in (dims[axis], *ends) if isinstance(number, int)]
            dims[axis] = sum(known) if len(known) == 3 else call.fresh()
    return [value.with_shape(tuple(dims), value.rows)]


def top(call: Call) -> list[Value]:
    """Return the largest elements along an axis that has no rows, and their places."""
    value = call.data(0)
    axis = within(call.integer("axis", -1), value.rank)
    apart(value, axis, "sorts")
    count = call.numbers(1)[0] if call.has(1) else call.integer("k", 0)
    if of_rows(count):
        raise Mixes("how many it takes depends on the number of rows")
    length: Length = count if isinstance(count, int) else call.fresh()
    dims = (*value.dims[:axis], length, *value.dims[axis + 1 :])
    return [value.with_shape(dims, value.rows)] * 2


def one_hot(call: Call) -> list[Value]:
    """Return vectors with one element that differs."""
    value = call.data(0)
    call.fixed(2)
    depth = call.numbers(1)[0]
    if of_rows(depth):
        raise Mixes("the length of its vectors depends on the number of rows")
    axis = within(call.integer("axis", -1), value.rank + 1)
    length: Length = depth if isinstance(depth, int) else call.fresh()
    rows = value.rows if value.rows is None or value.rows < axis else value.rows + 1
    return [value.with_shape((*value.dims[:axis], length, *value.dims[axis:]), rows)]


def compress(call: Call) -> list[Value]:
    """Return the elements that a condition chooses along an axis that has no rows."""
    value = call.data(0)
    if "axis" not in call.attributes:
        raise Mixes("it takes elements from anywhere in the tensor, so a row may give any number of them")
    axis = within(call.integer("axis", 0), value.rank)
    apart(value, axis, "chooses elements")
    call.fixed(1)
    return [value.with_shape((*value.dims[:axis], call.fresh(), *value.dims[axis + 1 :]), value.rows)]


def triangle(call: Call) -> list[Value]:
    """Return the matrices of the last two dimensions with a triangle of them as zeros."""
    value = call.data(0)
    call.fixed(1)
    for axis in (-2, -1):
        apart(value, within(axis, value.rank), "makes a triangle")
    return [value.with_shape(value.dims, value.rows)]


RULES: dict[str, Rule] = {
    "Concat": concat,
    "Slice": cut,
    "Split": split,
    "Pad": pad,
    "TopK": top,
    "OneHot": one_hot,
    "Compress": compress,
    "Trilu": triangle,
}
