"""Operators of onnxruntime's own domain, com.microsoft: those whose definition leaves no doubt.

Source: docs/ContribOperators.md of https://github.com/microsoft/onnxruntime
"""

from collections.abc import Sequence
from dataclasses import replace

from inference.models.graph.axes import quantise
from inference.models.graph.broadcast import aligned, broadcast
from inference.models.graph.call import Call, Rule, within
from inference.models.graph.matrices import gemm, multiply, transposed
from inference.models.graph.pictures import convolution
from inference.models.graph.value import Mixes, Value


def together(*places: int) -> Rule:
    """Return the rule of an elementwise operator on these inputs; the others are the same for all rows."""

    def rule(call: Call) -> list[Value]:
        call.fixed(*(place for place in range(len(call.inputs)) if place not in places))
        return [aligned(call, [place for place in places if call.has(place)])]

    return rule


def fused_matmul(call: Call) -> list[Value]:
    """Return the product of inputs that may be transposed."""
    if call.flag("transBatchA", 0) or call.flag("transBatchB", 0):
        raise Mixes("it moves the dimensions of its stack of matrices")
    a = transposed(call.data(0), call.flag("transA", 0))
    b = transposed(call.data(1), call.flag("transB", 0))
    return [multiply(call, a, b)]


def packed_matmul(call: Call) -> list[Value]:
    """Return the product with a matrix [N, K] of few bits, whose numbers are the same for all rows."""
    call.fixed(*range(1, len(call.inputs)))
    value = call.data(0)
    if value.rows == value.rank - 1:
        raise Mixes("it sums over the dimension that has the rows")
    return [value.with_shape((*value.dims[:-1], call.integer("N", 0) or call.fresh()), value.rows)]


def skip_normalisation(weights: Sequence[int]) -> Rule:
    """Return the rule of the sum of two inputs, normalised along the last dimension."""

    def rule(call: Call) -> list[Value]:
        call.fixed(*weights)
        first, second = call.data(0), call.data(1)
        total = broadcast(call, [first, second])
        if total.rank != first.rank or total.rows == total.rank - 1:
            raise Mixes("it normalises along the dimension that has the rows")
        moments = replace(total, shape=(*total.dims[:-1], 1))
        return [total, moments, moments, total]

    return rule


def scaled_matmul(call: Call) -> list[Value]:
    """Return the product of quantised matrices as floats: MatMulIntegerToFloat."""
    call.fixed(*range(2, len(call.inputs)))
    for place in (2, 4):
        if call.has(place) and call.data(place).rank > 0 and call.data(place).dims != (1,):
            raise Mixes("it has a scale for each row of its first input")
    return [multiply(call, call.data(0), call.data(1))]


def joined(call: Call) -> list[Value]:
    """Return quantised tensors one after the other: QLinearConcat, of (tensor, scale, zero point)s."""
    places = range(2, len(call.inputs), 3)
    call.fixed(*(place for place in range(len(call.inputs)) if place not in places))
    values = [call.data(place) for place in places]
    axis = within(call.integer("axis", 0), values[0].rank)
    axes = {value.rows for value in values}
    first = values[0]
    if len(axes) > 1 or axis in axes or (first.rows is not None and len({v.block for v in values}) > 1):
        raise Mixes("it puts tensors one after the other along the rows, or beside tensors without rows")
    return [replace(first, shape=(*first.dims[:axis], call.fresh(), *first.dims[axis + 1 :]), content=None)]


RULES: dict[str, Rule] = {
    **dict.fromkeys(("Gelu", "QuickGelu", "BiasGelu", "FastGelu"), together(0, 1)),
    **dict.fromkeys(("QLinearAdd", "QLinearMul"), together(0, 3)),
    **dict.fromkeys(("QLinearSigmoid", "QLinearLeakyRelu"), together(0)),
    "QLinearConcat": joined,
    "FusedMatMul": fused_matmul,
    "FusedGemm": gemm,
    "FusedConv": convolution(1, 2, 3),
    "MatMulNBits": packed_matmul,
    "MatMulIntegerToFloat": scaled_matmul,
    "SkipLayerNormalization": skip_normalisation((2, 3, 4)),
    "SkipSimplifiedLayerNormalization": skip_normalisation((2, 3)),
    **dict.fromkeys(("QuantizeLinear", "DequantizeLinear"), quantise),
}
