"""Operators that sum, normalise or accumulate along axes, none of which may have the rows."""

from collections.abc import Sequence

from inference.models.graph.broadcast import broadcast
from inference.models.graph.call import Call, Rule, apart, within
from inference.models.graph.fold import reduce_product
from inference.models.graph.value import Mixes, Value

# From this version on, they work along one axis; before, along all from `axis` on.
_ONE_AXIS = 13
_REDUCTIONS = (
    "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum "
    "ReduceSumSquare"
)


def reduction(call: Call) -> list[Value]:
    """Return one number for all elements along some axes; all axes unless it names some."""
    found = reduce_product(call) if call.node.op == "ReduceProd" else None
    if found:
        return [found]
    value = call.data(0)
    axes = call.listed("axes", 1)
    if not axes:
        if call.flag("noop_with_empty_axes", 0):
            return [value.with_shape(value.dims, value.rows)]
        axes = list(range(value.rank))
    return [_without(value, axes, keep=call.flag("keepdims", 1))]


def _without(value: Value, axes: Sequence[int], *, keep: bool) -> Value:
    gone = {within(axis, value.rank) for axis in axes}
    for axis in gone:
        apart(value, axis, "computes one number")
    left = [place for place in range(value.rank) if keep or place not in gone]
    shape = tuple(1 if place in gone else value.dims[place] for place in left)
    return value.with_shape(shape, None if value.rows is None else left.index(value.rows))


def best(call: Call) -> list[Value]:
    """Return the place of the largest or smallest element along an axis."""
    return [_without(call.data(0), [call.integer("axis", 0)], keep=call.flag("keepdims", 1))]


def normalise(call: Call) -> list[Value]:
    """Return a softmax or the like."""
    value = call.data(0)
    axis = within(call.integer("axis", -1 if call.version >= _ONE_AXIS else 1), value.rank)
    for place in [axis] if call.version >= _ONE_AXIS else range(axis, value.rank):
        apart(value, place, "normalises")
    return [value.with_shape(value.dims, value.rows)]


def along_axis(call: Call) -> list[Value]:
    """Return the input normalised along one axis, of all versions."""
    value = call.data(0)
    apart(value, within(call.integer("axis", -1), value.rank), "normalises")
    return [value.with_shape(value.dims, value.rows)]


def accumulate(call: Call) -> list[Value]:
    """Return sums or products of all elements up to each, along an axis."""
    value = call.data(0)
    axis = call.known(1)
    if not axis or len(axis) != 1:
        raise Mixes("its axis is unknown")
    apart(value, within(axis[0], value.rank), "accumulates")
    return [value.with_shape(value.dims, value.rows)]


def layer_normalisation(call: Call) -> list[Value]:
    """Return the input normalised along an axis and all after it; all rows have the same scales."""
    call.fixed(1, 2)
    value = call.data(0)
    axis = within(call.integer("axis", -1), value.rank)
    for place in range(axis, value.rank):
        apart(value, place, "normalises")
    # The scales must not stretch the rows.
    broadcast(call, [value, *(call.data(place) for place in (1, 2) if call.has(place))])
    moments = tuple(1 if place >= axis else length for place, length in enumerate(value.dims))
    result = value.with_shape(value.dims, value.rows)
    return [result, *[value.with_shape(moments, value.rows)] * 2]


def mean_variance(call: Call) -> list[Value]:
    """Return the input with mean 0 and variance 1 along some axes."""
    value = call.data(0)
    for axis in call.integers("axes") or [0, 2, 3]:
        apart(value, within(axis, value.rank), "normalises")
    return [value.with_shape(value.dims, value.rows)]


def quantise(call: Call) -> list[Value]:
    """Return the input as small whole numbers, or back, by scales that are the same for all rows."""
    value = call.data(0)
    call.fixed(1, 2)
    scale = call.data(1)
    if value.rows is None:
        return [value.with_shape(value.dims, None)]
    if scale.rank == 1 and scale.dims != (1,):
        apart(value, within(call.integer("axis", 1), value.rank), "has scales")
    elif scale.rank > 1:
        raise Mixes("it has scales for blocks of the tensor")
    return [value.with_shape(value.dims, value.rows)]


def determinant(call: Call) -> list[Value]:
    """Return the determinants of the matrices of the last two dimensions."""
    return [_without(call.data(0), [-1, -2], keep=False)]


RULES: dict[str, Rule] = {
    **dict.fromkeys(_REDUCTIONS.split(), reduction),
    **dict.fromkeys(("ArgMax", "ArgMin"), best),
    **dict.fromkeys(("Softmax", "LogSoftmax", "Hardmax"), normalise),
    **dict.fromkeys(("CumSum", "CumProd"), accumulate),
    # ONNX has SimplifiedLayerNormalization not, but onnxruntime takes it in the same domain.
    **dict.fromkeys(
        ("LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization"), layer_normalisation
    ),
    **dict.fromkeys(("QuantizeLinear", "DequantizeLinear"), quantise),
    "LpNormalization": along_axis,
    "MeanVarianceNormalization": mean_variance,
    "Det": determinant,
}
