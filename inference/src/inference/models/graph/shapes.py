"""Operators that ask for shapes, make tensors of a shape, or change it."""

from inference.models.graph.broadcast import meet
from inference.models.graph.call import Call, Rule, within
from inference.models.graph.reshape import flat, reshape
from inference.models.graph.terms import Length, Number, least, of_rows, product, rows, times
from inference.models.graph.value import (
    EVERYWHERE,
    MAX_CONTENT,
    Mixes,
    Value,
    made,
    objects,
    of_content,
)


def shape(call: Call) -> list[Value]:
    """Return the lengths of the input's dimensions."""
    dims = call.value(0).dims
    start, end = call.integer("start", 0), call.integer("end", len(dims))
    chosen = dims[slice(start, end)]
    return [of_content(objects(list(chosen), (len(chosen),)))]


def size(call: Call) -> list[Value]:
    """Return the number of the input's elements."""
    return [of_content(objects([product(call.value(0).dims)], ()))]


def change_shape(call: Call) -> list[Value]:
    """Return the input in another shape."""
    target = call.numbers(1) if call.has(1) else list[Number](call.integers("shape") or [])
    content = call.value(0).content
    if content is not None and all(isinstance(number, int) for number in target):
        try:
            return [of_content(content.reshape(list(target)))]  # type: ignore[arg-type]
        except ValueError:
            raise Mixes(f"the new shape {target} does not fit") from None
    value = call.data(0, numbered=EVERYWHERE)
    return [reshape(value, target, call.fresh, allow_zero=call.flag("allowzero", 0))]


def flatten(call: Call) -> list[Value]:
    """Return the input as a matrix."""
    value = call.data(0, numbered=EVERYWHERE)
    axis = call.integer("axis", 1)
    if not -value.rank <= axis <= value.rank:
        raise Mixes(f"axis {axis} is none of {value.rank} dimensions")
    return [flat(value, axis + value.rank if axis < 0 else axis, call.fresh)]


def squeeze(call: Call) -> list[Value]:
    """Return the input without dimensions of length 1."""
    value = call.value(0)
    axes = call.listed("axes", 1)
    if axes is None:
        # Which lengths are 1 may depend on the number of rows.
        if not all(isinstance(length, int) for length in value.dims):
            raise Mixes("it has no axes, so which dimensions it drops may depend on the number of rows")
        axes = [place for place, length in enumerate(value.dims) if length == 1]
    dropped = {within(axis, value.rank) for axis in axes}
    if value.rows in dropped:
        raise Mixes("it drops the dimension of the rows")
    return [_moved(call, [place for place in range(value.rank) if place not in dropped])]


def unsqueeze(call: Call) -> list[Value]:
    """Return the input with further dimensions of length 1."""
    value = call.value(0)
    axes = call.listed("axes", 1) or []
    rank = value.rank + len(axes)
    added = {within(axis, rank) for axis in axes}
    if len(added) < len(axes):
        raise Mixes(f"an axis is twice in {axes}")
    order = iter(range(value.rank))
    return [_moved(call, [-1 if place in added else next(order) for place in range(rank)])]


def transpose(call: Call) -> list[Value]:
    """Return the input with its dimensions in another order."""
    rank = call.value(0).rank
    order = call.integers("perm")
    if order is None:
        order = list(reversed(range(rank)))
    if sorted(order) != list(range(rank)):
        raise Mixes(f"perm {order} is no order of {rank} dimensions")
    return [_moved(call, order)]


def _moved(call: Call, order: list[int]) -> Value:
    """Return the input with the dimensions of these places, -1 for a new one of length 1."""
    content = call.value(0).content
    if content is not None:
        moved = content.transpose([*[place for place in order if place >= 0], *_dropped(content.ndim, order)])
        return of_content(moved.reshape([1 if place < 0 else content.shape[place] for place in order]))
    value = call.data(0, numbered=EVERYWHERE)
    shape = tuple(1 if place < 0 else value.dims[place] for place in order)
    return value.with_shape(shape, None if value.rows is None else order.index(value.rows))


def _dropped(rank: int, order: list[int]) -> list[int]:
    return [place for place in range(rank) if place not in order]


def expand(call: Call) -> list[Value]:
    """Return the input repeated along dimensions of length 1."""
    value = call.data(0, numbered=EVERYWHERE)
    target = [_not_negative(number) for number in call.numbers(1)]
    rank = max(value.rank, len(target))
    dims = (1,) * (rank - value.rank) + value.dims
    wanted = [1] * (rank - len(target)) + target
    if value.rows is None:
        return [value.with_shape(*_repeated(call, dims, wanted))]
    axis = value.rows + rank - value.rank
    for place, length in enumerate(wanted):
        if (of_rows(length) and place != axis) or (place == axis and length not in (1, dims[axis])):
            raise Mixes("it repeats rows, or other dimensions by the number of rows")
    shape = [meet(call, [a, b]) for a, b in zip(dims, wanted, strict=True)]
    return [value.with_shape((*shape[:axis], dims[axis], *shape[axis + 1 :]), axis)]


def _repeated(
    call: Call, dims: tuple[Length, ...], wanted: list[Length]
) -> tuple[tuple[Length, ...], int | None]:
    """Return the shape and the dimension of the rows, if a tensor is repeated for each row."""
    for length, other in zip(dims, wanted, strict=True):
        if of_rows(other) and length != 1:
            raise Mixes("it may repeat a dimension that is longer than 1 by the number of rows")
    result = made([meet(call, [a, b]) for a, b in zip(dims, wanted, strict=True)])
    return result.dims, result.rows


def _not_negative(number: Number) -> Length:
    if isinstance(number, float) or (isinstance(number, int) and number < 0):
        raise Mixes(f"{number} is no length")
    return number


def constant_of_shape(call: Call) -> list[Value]:
    """Return a tensor that has the same number everywhere."""
    if not call.has(0):
        raise Mixes("it has no shape")
    lengths = [_not_negative(number) for number in call.numbers(0)]
    result = made(lengths)
    tensor = call.attributes["value"].tensor() if "value" in call.attributes else None
    fill = tensor.values() if tensor else None
    known = [length for length in lengths if isinstance(length, int)]
    count = product(known)
    if len(known) < len(lengths) or not isinstance(count, int) or count > MAX_CONTENT:
        return [result]
    if tensor and fill is None:
        return [result]
    return [of_content(objects([fill.item() if fill is not None else 0.0] * count, tuple(known)))]


def tile(call: Call) -> list[Value]:
    """Return the input repeated along dimensions."""
    value = call.data(0)
    repeats = [_not_negative(number) for number in call.numbers(1)]
    if len(repeats) != value.rank:
        raise Mixes("it has not one number for each dimension")
    shape = tuple(times(a, b) for a, b in zip(value.dims, repeats, strict=True))
    if value.rows is None:
        result = made(shape)
        return [result if result.rows is not None else value.with_shape(shape, None)]
    if repeats[value.rows] != 1 or any(map(of_rows, repeats)):
        raise Mixes("it repeats rows, or other dimensions by the number of rows")
    return [value.with_shape(shape, value.rows)]


def number_range(call: Call) -> list[Value]:
    """Return numbers one after the other; up to the number of rows, they are row numbers."""
    start, limit, step = (call.numbers(place)[0] for place in range(3))
    if start == 0 and step == 1 and limit == rows():
        return [Value((rows(),), 0, numbered=EVERYWHERE)]
    if any(map(of_rows, (start, limit, step))):
        raise Mixes("it makes numbers that depend on the number of rows")
    if isinstance(start, int) and isinstance(limit, int) and isinstance(step, int) and step:
        numbers = range(start, limit, step)
        if len(numbers) <= MAX_CONTENT:
            return [of_content(objects(list(numbers), (len(numbers),)))]
        return [Value((len(numbers),))]
    if start == 0 and step == 1 and not isinstance(limit, float) and least(limit) is not None:
        return [Value((limit,))]
    return [Value((call.fresh(),))]


RULES: dict[str, Rule] = {
    "Shape": shape,
    "Size": size,
    "Reshape": change_shape,
    "Flatten": flatten,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Transpose": transpose,
    "Expand": expand,
    "ConstantOfShape": constant_of_shape,
    "Tile": tile,
    "Range": number_range,
}
