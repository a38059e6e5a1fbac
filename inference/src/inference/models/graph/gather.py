"""Operators that look up elements by their place, or write to a place."""

import numpy as np

from inference.models.graph.call import Call, Rule, apart, within
from inference.models.graph.terms import Length, product, rows, times
from inference.models.graph.value import FIRST_COLUMN, Mixes, Value, objects, of_content


def gather(call: Call) -> list[Value]:
    """Return the slices of a tensor that indices choose."""
    places = call.value(1).content
    known = places is not None and all(isinstance(place, int) for place in places.flat)
    if known and call.value(0).content is not None:
        return [_numbers(call)]
    return [_looked_up(call, call.data(0), call.data(1))]


def _looked_up(call: Call, table: Value, places: Value) -> Value:
    axis = within(call.integer("axis", 0), table.rank)
    shape = (*table.dims[:axis], *places.dims, *table.dims[axis + 1 :])
    apart(table, axis, "looks elements up")
    if table.rows is not None and places.rows is not None:
        raise Mixes("it looks up what the rows of one input choose in all rows of another")
    if places.rows is not None:
        return Value(shape, axis + places.rows)
    if table.rows is None:
        return Value(shape)
    return Value(shape, table.rows if table.rows < axis else table.rows + places.rank - 1)


def _numbers(call: Call) -> Value:
    content, places = call.value(0).content, call.known(1)
    assert content is not None, call.node.name
    axis = within(call.integer("axis", 0), content.ndim)
    shape = [length for length in call.value(1).dims if isinstance(length, int)]
    indices = np.array(places, np.int64).reshape(shape)
    try:
        taken = content.take(indices, axis)
    except IndexError as error:
        raise Mixes(str(error)) from None
    if isinstance(taken, np.ndarray):
        return of_content(taken)
    return of_content(objects([taken], ()))


def gather_elements(call: Call) -> list[Value]:
    """Return the elements that indices choose along an axis, each in its own row."""
    axis = within(call.integer("axis", 0), call.value(0).rank)
    if call.data(0).constant and call.data(1).constant:
        return [Value(call.value(1).dims)]
    table, along = call.rowed(0)
    apart(table, axis, "looks elements up")
    places, _ = call.rowed(1, along)
    if places.dims[along] != table.dims[along]:
        raise Mixes("the rows of its inputs have different lengths")
    return [Value(places.dims, along)]


def gather_nd(call: Call) -> list[Value]:
    """Return the parts of a tensor that vectors of indices choose."""
    batch = call.integer("batch_dims", 0)
    table, places = call.data(0), call.data(1, numbered=FIRST_COLUMN)
    width = places.dims[-1] if places.rank else 0
    if not isinstance(width, int):
        raise Mixes("the number of its indices is unknown")
    shape = (*places.dims[:-1], *table.dims[batch + width :])
    if places.rows is not None and places.rows == places.rank - 1:
        raise Mixes("its indices lie along the rows")
    if table.rows is None:
        if places.numbered or (places.rows is not None and places.rows < batch):
            raise Mixes("it looks up rows in a tensor that has none")
        return [Value(shape, places.rows)]
    _own_rows(table, places, batch)
    return [Value(shape, places.rows)]


def _own_rows(table: Value, places: Value, batch: int) -> None:
    """Raise Mixes unless each row of `places` chooses from the same row of `table`."""
    if places.rows is None:
        raise Mixes("it looks the same elements up for all rows")
    if places.numbered:
        # The first index is the number of the row.
        if batch or table.rows != 0 or table.dims[0] != rows():
            raise Mixes("its row numbers do not choose rows")
    elif places.rows != table.rows or places.rows >= batch or places.block != table.block:
        raise Mixes("a row's indices may choose elements of another row")


def scatter_elements(call: Call) -> list[Value]:
    """Return a tensor with other elements in places along an axis, each in its own row."""
    values = [call.data(place) for place in range(3)]
    axis = within(call.integer("axis", 0), values[0].rank)
    if all(value.constant for value in values):
        return [Value(values[0].dims)]
    table, along = call.rowed(0)
    apart(table, axis, "writes elements")
    for place in (1, 2):
        if call.rowed(place, along)[0].dims[along] != table.dims[along]:
            raise Mixes("the rows of its inputs have different lengths")
    return [Value(table.dims, along)]


def scatter_nd(call: Call) -> list[Value]:
    """Return a tensor with other elements in places whose first index is the row's own number."""
    values = [call.data(0), call.data(1, numbered=FIRST_COLUMN), call.data(2)]
    if all(value.constant for value in values):
        return [Value(values[0].dims)]
    table, _ = call.rowed(0, 0)
    places, along = call.rowed(1, numbered=FIRST_COLUMN)
    if not places.numbered or table.dims[0] != rows() or along == places.rank - 1:
        raise Mixes("a row's indices may write to another row")
    if call.rowed(2, along)[0].dims[along] != places.dims[along]:
        raise Mixes("the rows of its inputs have different lengths")
    return [Value(table.dims, 0)]


def feature_extractor(call: Call) -> list[Value]:
    """Return the elements of the last dimension that indices choose (ai.onnx.ml)."""
    table, places = call.data(0), call.data(1)
    count: Length = product(places.dims)
    if table.rank == 1:
        # What one row is of classes, whose numbers the rows choose.
        if table.rows is not None:
            raise Mixes("it takes a tensor of one dimension for a single row")
        if places.rows is None:
            return [Value((1, count))]
        if product(places.dims[: places.rows]) != 1:
            raise Mixes("it joins the dimension of the rows with one before it")
        return [Value((1, rows(times(places.block, product(places.dims[places.rows + 1 :])))), 1)]
    call.fixed(1)
    apart(table, table.rank - 1, "chooses elements")
    return [Value((*table.dims[:-1], count), table.rows)]


RULES: dict[str, Rule] = {
    "Gather": gather,
    "GatherElements": gather_elements,
    "GatherND": gather_nd,
    "ScatterElements": scatter_elements,
    "Scatter": scatter_elements,
    "ScatterND": scatter_nd,
}
