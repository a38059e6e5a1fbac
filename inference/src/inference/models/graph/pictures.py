"""Convolutions, pooling and the like: [rows, channels, …], where the first dimension has the rows."""

from collections.abc import Callable

from inference.models.graph.call import Call, Rule
from inference.models.graph.terms import Length, of_rows, over, times
from inference.models.graph.value import Mixes, Value
from inference.models.graph.windows import windows

_ROWS = 0


def batched(call: Call, channels: Length | None = None, *, keep: int = 1) -> Value:
    """Return a value of the first input's rank, with rows along the first dimension or none.

    The dimensions from `keep` on are unknown, but for the channels.
    """
    value = call.data(0)
    if value.rows not in (None, _ROWS):
        raise Mixes(f"the rows lie along dimension {value.rows}, which is not the first")
    if value.rank < 2:
        raise Mixes("the input has fewer than 2 dimensions")
    dims = [*value.dims[:keep], *call.unknown(value.rank - keep)]
    if channels is not None:
        dims[1] = channels
    return value.with_shape(tuple(dims), value.rows)


def convolution(weight: int, *fixed: int) -> Rule:
    """Return the rule of a convolution whose weights [channels, …] are an input of this place."""

    def rule(call: Call) -> list[Value]:
        call.fixed(weight, *fixed)
        value, weights = batched(call), call.data(weight).dims
        if len(weights) != value.rank:
            raise Mixes("its weights have another number of dimensions than its input")
        shape = (value.dims[0], weights[0], *windows(call, call.data(0).dims[2:], weights[2:]))
        return [value.with_shape(shape, value.rows)]

    return rule


def transposed_convolution(call: Call) -> list[Value]:
    """Return a transposed convolution, whose weights are [channels in, channels out / groups, …]."""
    call.fixed(1, 2)
    return [batched(call, times(call.data(1).dims[1], call.integer("group", 1)))]


def pooling(call: Call) -> list[Value]:
    """Return the input pooled; not the second output, whose places are counted through all rows."""
    call.fixed(*range(1, len(call.inputs)))
    value = batched(call, keep=2)
    kernel = tuple(call.integers("kernel_shape") or ())
    return [value.with_shape((*value.dims[:2], *windows(call, call.data(0).dims[2:], kernel)), value.rows)]


def global_pooling(call: Call) -> list[Value]:
    """Return one number for each channel."""
    value = batched(call, keep=2)
    call.fixed(*range(1, len(call.inputs)))
    return [value.with_shape((*value.dims[:2], *[1] * (value.rank - 2)), value.rows)]


def by_channel(call: Call) -> list[Value]:
    """Return the input normalised within each row, with scales that are the same for all rows."""
    call.fixed(*range(1, len(call.inputs)))
    return [batched(call, keep=call.data(0).rank)]


def batch_normalisation(call: Call) -> list[Value]:
    """Return the input normalised by stored statistics; in training they would be those of all rows."""
    # Before version 14 more outputs than one meant training.
    several = call.version < 14 and len([name for name in call.node.outputs if name]) > 1
    if call.flag("training_mode", 0) or several or (call.version < 7 and not call.flag("is_test", 0)):
        raise Mixes("it normalises by the statistics of all rows: it is in training mode")
    return by_channel(call)


def resize(call: Call) -> list[Value]:
    """Return the input in another size, which is the same as before along the rows."""
    value = call.data(0)
    if value.rows is None:
        call.fixed(*range(1, len(call.inputs)))
        return [Value(tuple(call.unknown(value.rank)))]
    if call.text("coordinate_transformation_mode") == "tf_crop_and_resize":
        raise Mixes("it crops as well")
    axes = call.integers("axes") or list(range(value.rank))
    axes = [axis % value.rank for axis in axes]
    if value.rows in axes:
        _same_length(call, value, axes.index(value.rows))
    dims = [call.fresh() if place != value.rows else value.dims[place] for place in range(value.rank)]
    return [value.with_shape(tuple(dims), value.rows)]


def _same_length(call: Call, value: Value, place: int) -> None:
    """Raise Mixes unless the scale of that place is 1, or the size is the number of rows."""
    assert value.rows is not None, value
    if call.version >= 11 and call.has(3):
        sizes = call.numbers(3)
        fits = sizes[place] == value.dims[value.rows]
        # One scale for all, which may not be 1, if the picture is to keep its proportions.
        fits = fits and call.text("keep_aspect_ratio_policy", "stretch") == "stretch"
    else:
        scales = call.numbers(2 if call.version >= 11 else 1) if len(call.inputs) > 1 else []
        found = call.reals("scales")
        numbers = [*scales, *found]
        sizes = numbers
        fits = place < len(numbers) and numbers[place] == 1
    others = [number for at, number in enumerate(sizes) if at != place]
    if not fits or any(map(of_rows, others)):
        raise Mixes("it may change the number of rows, or sizes by the number of rows")


def to_depth(call: Call) -> list[Value]:
    """Return the input with blocks of its pixels as channels."""
    return [_blocks(call, lambda channels, area: times(channels, area))]


def to_space(call: Call) -> list[Value]:
    """Return the input with its channels as blocks of pixels."""
    return [_blocks(call, over)]


def _blocks(call: Call, channels: Callable[[Length, Length], Length | None]) -> Value:
    area = call.integer("blocksize", 1) ** 2
    return batched(call, channels(call.data(0).dims[1], area) or call.fresh())


def sample(call: Call) -> list[Value]:
    """Return pixels of places [rows, …] of pictures [rows, channels, …], each row's of its own picture."""
    value = batched(call, keep=2)
    grid = call.data(1)
    if value.rows is None and grid.rows is None:
        return [value]
    places, _ = call.rowed(1, _ROWS)
    if call.rowed(0, _ROWS)[0].dims[_ROWS] != places.dims[_ROWS]:
        raise Mixes("the rows of its inputs have different lengths")
    return [Value((*value.dims[:2], *places.dims[1:-1]), _ROWS)]


RULES: dict[str, Rule] = {
    "Conv": convolution(1, 2),
    "ConvInteger": convolution(1, 2, 3),
    "QLinearConv": convolution(3, 1, 2, 4, 5, 6, 7, 8),
    "ConvTranspose": transposed_convolution,
    **dict.fromkeys(("AveragePool", "MaxPool", "LpPool"), pooling),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"), global_pooling),
    **dict.fromkeys(("LRN", "InstanceNormalization", "GroupNormalization"), by_channel),
    "BatchNormalization": batch_normalisation,
    **dict.fromkeys(("Resize", "Upsample"), resize),
    "SpaceToDepth": to_depth,
    "DepthToSpace": to_space,
    "GridSample": sample,
}
