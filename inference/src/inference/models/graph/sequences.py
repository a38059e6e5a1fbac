"""Operators on sequences: recurrent cells and attention."""

from inference.models.graph.call import Call, Rule
from inference.models.graph.terms import Length, over, times
from inference.models.graph.value import Mixes, Value


def recurrent(gates: int, states: int) -> Rule:
    """Return the rule of a cell: [length, rows, numbers], or rows first by its attribute `layout`.

    Its inputs are the sequence, three of weights, the lengths, then `states` states and, of an LSTM, weights.
    """

    def rule(call: Call) -> list[Value]:
        first = call.flag("layout", 0)
        axis = 0 if first else 1
        call.fixed(1, 2, 3, 7)
        _states(call, axis, states)
        if call.data(0).rank != 3:
            raise Mixes("its sequence has not 3 dimensions")
        weights = call.data(1).dims
        directions = weights[0]
        # W is [directions, gates * hidden, input].
        hidden = over(weights[1], gates) or call.fresh()
        if call.data(0).constant:
            raise Mixes("its sequence is the same for all rows")
        sequence, _ = call.rowed(0, axis)
        length, rows = sequence.dims[1 - axis], sequence.dims[axis]
        all_shape: tuple[Length, ...] = (length, directions, rows, hidden)
        last_shape: tuple[Length, ...] = (directions, rows, hidden)
        if first:
            all_shape, last_shape = (rows, length, directions, hidden), (rows, directions, hidden)
        last = Value(last_shape, 0 if first else 1)
        return [Value(all_shape, 0 if first else 2), *[last] * states]

    return rule


def _states(call: Call, axis: int, states: int) -> None:
    """Raise Mixes unless the lengths, and the states at the start, are those of each row, or are left out."""
    for place in (4, *range(5, 5 + states)):
        if call.has(place):
            value, _ = call.rowed(place, 0 if place == 4 else axis)
            along = value.rows or 0
            if call.rowed(0, axis)[0].dims[axis] != value.dims[along]:
                raise Mixes("the rows of its inputs have different lengths")


def reverse(call: Call) -> list[Value]:
    """Return sequences of given lengths in reverse order, each row by its own length."""
    value, along = call.rowed(0, call.integer("batch_axis", 1))
    lengths, _ = call.rowed(1, 0)
    if call.integer("time_axis", 0) == along or lengths.dims[0] != value.dims[along]:
        raise Mixes("it does not reverse each row by itself")
    return [value.with_shape(value.dims, along)]


def attention(call: Call) -> list[Value]:
    """Return the attention of queries to keys and values, [rows, …] all three, with or without a mask."""
    if any(call.has(place) for place in range(4, len(call.inputs))):
        raise Mixes("it has a cache, or lengths")
    query, key, value = (call.rowed(place, 0)[0] for place in range(3))
    if not query.dims[0] == key.dims[0] == value.dims[0]:
        raise Mixes("the rows of its inputs have different lengths")
    if call.has(3):
        _mask(call, query)
    if query.rank == 4:
        return [Value((*query.dims[:3], value.dims[3]), 0)]
    heads = call.integer("q_num_heads", 1), call.integer("kv_num_heads", 1)
    size = over(times(value.dims[2], heads[0]), heads[1])
    return [Value((*query.dims[:2], size if size is not None else call.fresh()), 0)]


def _mask(call: Call, query: Value) -> None:
    """Raise Mixes unless the mask, [rows, heads, queries, keys] once it is broadcast, is each row's own."""
    mask = call.data(3)
    if mask.rows is None:
        if mask.rank == 4 and mask.dims[0] != 1:
            raise Mixes("its mask has a dimension of another length where the rows are")
    elif mask.rank != 4 or mask.rows != 0 or mask.dims[0] != query.dims[0]:
        raise Mixes("the rows of its mask are not those of its other inputs")


def rotary(call: Call) -> list[Value]:
    """Return the input turned by angles that are the same for all rows, or that each row chooses."""
    value, _ = call.rowed(0, 0)
    for place in (1, 2):
        table = call.data(place)
        if table.rows is not None and (table.rows != 0 or table.dims[0] != value.dims[0]):
            raise Mixes("the rows of its inputs have different lengths")
        if table.rows is None and table.rank == 3:
            raise Mixes("its angles have a dimension of another length where the rows are")
    if call.has(3) and call.rowed(3, 0)[0].dims[0] != value.dims[0]:
        raise Mixes("the rows of its inputs have different lengths")
    return [value.with_shape(value.dims, 0)]


def text_features(call: Call) -> list[Value]:
    """Return how often n-grams are in each row of a matrix."""
    value = call.data(0)
    if value.rank != 2:
        raise Mixes("it counts through a tensor that is no matrix")
    if value.rows is None:
        return [Value((value.dims[0], call.fresh()))]
    value, _ = call.rowed(0, 0)
    return [Value((value.dims[0], call.fresh()), 0)]


RULES: dict[str, Rule] = {
    "RNN": recurrent(1, 1),
    "GRU": recurrent(3, 1),
    "LSTM": recurrent(4, 2),
    "ReverseSequence": reverse,
    "Attention": attention,
    "RotaryEmbedding": rotary,
    "TfIdfVectorizer": text_features,
}
