"""Products of matrices. The dimension of the rows is in the result, and never summed over."""

from dataclasses import replace

from inference.models.graph.broadcast import broadcast, meet
from inference.models.graph.call import Call, Rule
from inference.models.graph.value import Mixes, Value


def matmul(call: Call) -> list[Value]:
    """Return the product of the inputs, as numpy's matmul makes it."""
    return [multiply(call, call.data(0), call.data(1))]


def multiply(call: Call, a: Value, b: Value) -> Value:
    """Return the product of matrices, or of stacks of them that are broadcast; raises Mixes."""
    for value, summed in ((a, a.rank - 1), (b, max(b.rank - 2, 0))):
        if value.rank == 0:
            raise Mixes("an input is a single number")
        if value.rows == summed:
            raise Mixes(f"it sums over dimension {summed} of an input, which has the rows")
    stack = _stack(call, a, b)
    shape = stack.dims
    shape += (a.dims[-2],) if a.rank > 1 else ()
    shape += (b.dims[-1],) if b.rank > 1 else ()
    if stack.rows is not None:
        if _in_matrix(a) or _in_matrix(b):
            raise Mixes("it multiplies the rows of one input with all rows of another")
        return Value(shape, stack.rows)
    if _in_matrix(a) and _in_matrix(b):
        raise Mixes("it multiplies the rows of one input with all rows of another")
    if _in_matrix(a):
        return Value(shape, stack.rank)
    return Value(shape, len(shape) - 1 if _in_matrix(b) else None)


def _in_matrix(value: Value) -> bool:
    """Return whether the rows are in the matrices of a stack, not along it."""
    return value.rows is not None and value.rows >= value.rank - 2


def _stack(call: Call, a: Value, b: Value) -> Value:
    """Return what two stacks of matrices are after they are broadcast."""
    stacks = [
        Value(value.dims[:-2], None if _in_matrix(value) else value.rows) if value.rank > 2 else Value(())
        for value in (a, b)
    ]
    return broadcast(call, stacks)


def gemm(call: Call) -> list[Value]:
    """Return `a b + c`, of matrices that may be transposed."""
    a, b = call.data(0), call.data(1)
    if a.rank != 2 or b.rank != 2:
        raise Mixes("an input is no matrix")
    product = multiply(call, transposed(a, call.flag("transA", 0)), transposed(b, call.flag("transB", 0)))
    if not call.has(2):
        return [product]
    c = call.data(2)
    if c.rows is not None and product.rows is None:
        raise Mixes("it adds what differs from row to row to what does not")
    total = broadcast(call, [product, c])
    return [replace(product, rows=total.rows)]


def transposed(value: Value, flag: bool) -> Value:
    """Return a value with its last two dimensions exchanged, if `flag`."""
    if not flag:
        return value
    if value.rank < 2:
        raise Mixes("an input is no matrix")
    *front, m, n = value.dims
    places = {value.rank - 2: value.rank - 1, value.rank - 1: value.rank - 2}
    rows = None if value.rows is None else places.get(value.rows, value.rows)
    return value.with_shape((*front, n, m), rows)


def quantised_matmul(call: Call) -> list[Value]:
    """Return the product of quantised matrices; their scales are the same for all rows."""
    call.fixed(1, 2, 4, 5, 6, 7)
    for place in (1, 2, 6, 7):
        if call.data(0).rows is not None and call.data(place).rank > 0 and call.data(place).dims != (1,):
            raise Mixes("it has a scale for each row of its first input")
    return [multiply(call, call.data(0), call.data(3))]


def integer_matmul(call: Call) -> list[Value]:
    """Return the product of matrices of whole numbers; their zero points are the same for all rows."""
    call.fixed(2, 3)
    if call.has(2) and call.data(2).rank > 0 and call.data(2).dims != (1,):
        raise Mixes("it has a zero point for each row of its first input")
    return [multiply(call, call.data(0), call.data(1))]


def einsum(call: Call) -> list[Value]:
    """Return a sum of products; the letter of the rows is the same in all inputs, and in the output."""
    equation = call.text("equation").replace(" ", "")
    if "." in equation:
        raise Mixes("its equation has an ellipsis")
    terms, arrow, output = equation.partition("->")
    letters = terms.split(",")
    if not arrow:
        output = "".join(sorted(one for one in set(terms) - {","} if terms.count(one) == 1))
    if len(letters) != len(call.inputs):
        raise Mixes("its equation has another number of inputs")
    values = [call.data(place) for place in range(len(letters))]
    pairs = list(zip(values, letters, strict=True))
    lengths = {
        one: meet(call, [value.dims[term.index(one)] for value, term in pairs if one in term])
        for one in set(terms) - {","}
    }
    shape = tuple(lengths[one] for one in output)
    along = {term[value.rows] for value, term in pairs if value.rows is not None}
    if not along:
        return [Value(shape)]
    if len(along) > 1:
        raise Mixes("its equation has two letters for the rows")
    (letter,) = along
    blocks = {value.dims[value.rows] for value in values if value.rows is not None}
    if output.count(letter) != 1 or any(term.count(letter) > 1 for term in letters):
        raise Mixes(f"its equation sums over {letter!r}, which has the rows, or takes a diagonal")
    if len(blocks) > 1 or any(value.rows is None and letter in term for value, term in pairs):
        raise Mixes("it aligns the rows with a dimension of another length")
    (length,) = blocks
    return [Value(tuple(length if one == letter else lengths[one] for one in output), output.index(letter))]


RULES: dict[str, Rule] = {
    "MatMul": matmul,
    "Gemm": gemm,
    "Einsum": einsum,
    "QLinearMatMul": quantised_matmul,
    "MatMulInteger": integer_matmul,
}
