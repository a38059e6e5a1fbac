"""Operators that work element by element, and how their inputs are aligned."""

from collections.abc import Sequence
from dataclasses import replace

from inference.models.graph.call import Call, Rule
from inference.models.graph.fold import fold
from inference.models.graph.onnx_file import Node
from inference.models.graph.terms import Length
from inference.models.graph.value import EVERYWHERE, Mixes, Value

# An element of the output depends on the elements of the inputs in the same place, and on nothing else.
ELEMENTWISE = [
    "Abs",
    "Acos",
    "Acosh",
    "Add",
    "And",
    "Asin",
    "Asinh",
    "Atan",
    "Atanh",
    "BitShift",
    "BitwiseAnd",
    "BitwiseNot",
    "BitwiseOr",
    "BitwiseXor",
    "Cast",
    "Ceil",
    "Celu",
    "Clip",
    "Cos",
    "Cosh",
    "Div",
    "Elu",
    "Equal",
    "Erf",
    "Exp",
    "Floor",
    "Gelu",
    "Greater",
    "GreaterOrEqual",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "IsInf",
    "IsNaN",
    "LeakyRelu",
    "Less",
    "LessOrEqual",
    "Log",
    "Max",
    "Mean",
    "Min",
    "Mish",
    "Mod",
    "Mul",
    "Neg",
    "Not",
    "Or",
    "PRelu",
    "Pow",
    "Reciprocal",
    "RegexFullMatch",
    "Relu",
    "Round",
    "Selu",
    "Shrink",
    "Sigmoid",
    "Sign",
    "Sin",
    "Sinh",
    "Softplus",
    "Softsign",
    "Sqrt",
    "StringConcat",
    "Sub",
    "Sum",
    "Swish",
    "Tan",
    "Tanh",
    "ThresholdedRelu",
    "Where",
    "Xor",
]
# Datatypes of TensorProto.
_INTEGERS = (6, 7)


def elementwise(call: Call) -> list[Value]:
    """Return the result of an elementwise operator; raises Mixes if rows meet something else."""
    if call.flag("broadcast", 0) or "axis" in call.attributes:
        raise Mixes("it aligns its inputs as operators did before version 7")
    if call.node.op == "Identity":
        return [call.value(0)]
    found = fold(call)
    return [found or aligned(call, range(len(call.inputs)))]


def aligned(call: Call, places: Sequence[int]) -> Value:
    """Return the result of inputs that are broadcast against each other.

    Its shape is right even if nobody may use its elements: exporters compute shapes by that.
    """
    values = [call.value(place) for place in places if call.has(place)]
    result = broadcast(call, values)
    try:
        for place in places:
            if call.has(place):
                call.data(place, numbered=EVERYWHERE)
    except Mixes as why:
        return replace(result, mixed=str(why) if why.inherited else f"{label(call)}: {why}")
    if any(value.numbered for value in values):
        return _numbered(call, result)
    return result


def _numbered(call: Call, result: Value) -> Value:
    # As a float, a large row number may be another one.
    if call.node.op != "Cast" or call.integer("to", 0) not in _INTEGERS:
        return replace(result, mixed=f"{label(call)}: it computes with row numbers")
    return replace(result, numbered=EVERYWHERE)


def label(call: Call) -> str:
    """Return the operator, the node and its first output, for a sentence."""
    return of_node(call.node)


def of_node(node: Node) -> str:
    """Return the same of a node."""
    op = f"{node.domain}.{node.op}" if node.domain else node.op
    name = f"node {node.name!r}, " if node.name else ""
    return f"{op} ({name}output {next(iter(node.outputs), '')!r})"


def broadcast(call: Call, values: Sequence[Value]) -> Value:
    """Return a value of the shape that tensors have after they are broadcast; raises Mixes."""
    rank = max(value.rank for value in values)
    shapes = [(1,) * (rank - value.rank) + value.dims for value in values]
    shape = tuple(meet(call, [one[place] for one in shapes]) for place in range(rank))
    axes = {value.rows + rank - value.rank for value in values if value.rows is not None}
    if not axes:
        return Value(shape)
    if len(axes) > 1:
        raise Mixes("it aligns the rows of one input with another dimension of another input")
    (axis,) = axes
    lengths = {one[axis] for one in shapes}
    rowed = {value.dims[value.rows] for value in values if value.rows is not None}
    if len(rowed) > 1 or lengths - rowed - {1}:
        raise Mixes(f"it aligns the rows with a dimension of another length ({_listed(lengths)})")
    # An input without rows has length 1 here: the same for each row.
    return Value((*shape[:axis], rowed.pop(), *shape[axis + 1 :]), axis)


def meet(call: Call, lengths: Sequence[Length]) -> Length:
    """Return the length that dimensions have after they are broadcast."""
    found = set(lengths) - {1}
    if not found:
        return 1
    if len(found) == 1:
        return found.pop()
    numbers = [length for length in found if isinstance(length, int)]
    return numbers[0] if numbers else call.fresh()


def _listed(lengths: set[Length]) -> str:
    return ", ".join(sorted(str(length) if isinstance(length, int) else "unknown" for length in lengths))


def cast_like(call: Call) -> list[Value]:
    """Return the first input's value: of the second one only the datatype is used."""
    return [call.data(0).with_shape(call.value(0).dims, call.value(0).rows)]


def dropout(call: Call) -> list[Value]:
    """Return the input and a mask: outside training nothing is dropped."""
    training = call.known(2) or [0]
    if training[0] or (call.version < 7 and not call.flag("is_test", 0)):
        raise Mixes("it drops elements by chance: it is in training mode")
    value = call.data(0)
    return [value, value.with_shape(value.dims, value.rows)]


RULES: dict[str, Rule] = {
    **dict.fromkeys(ELEMENTWISE, elementwise),
    "CastLike": cast_like,
    "Dropout": dropout,
}
