"""Arithmetic on small tensors of numbers, as exporters use it to compute shapes."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from inference.models.graph.call import Call
from inference.models.graph.terms import Number, Term, least, of_rows, over, times
from inference.models.graph.value import MAX_CONTENT, Content, Value, of_content

# Whole numbers have 64 bits.
_LARGEST = 2**63 - 1
# All whole numbers up to this one are floats of 16 bits.
_LARGEST_FLOAT = 2048
# Datatypes of TensorProto.
_BOOL, _INTEGERS, _REALS = 9, (6, 7), (1, 10, 11)


def fold(call: Call) -> Value | None:
    """Return the result of an elementwise operator on small tensors of numbers, if it is followed."""
    contents = [value.content for value in call.inputs if value is not None]
    known = [content for content in contents if content is not None]
    if not known or len(known) < len(contents):
        return None
    try:
        pieces = np.broadcast_arrays(*known)
    except ValueError:
        return None
    if pieces[0].size > MAX_CONTENT:
        return None
    result = np.empty(pieces[0].shape, object)
    for place in np.ndindex(result.shape):
        result[place] = _apply(call, [_plain(piece[place]) for piece in pieces])
    return of_content(result)


def _plain(number: Any) -> Any:
    return number.item() if isinstance(number, np.generic) else number


def _apply(call: Call, numbers: list[Number]) -> Number:
    found = None
    if call.node.op == "Cast":
        found = _cast(numbers[0], call.integer("to", 0))
    elif call.node.op in _OPERATORS:
        found = _OPERATORS[call.node.op](*numbers)
    if found is not None and all(map(_exact, (found, *numbers))):
        return found
    # The datatypes of a symbol and of another one may differ: then they are other symbols.
    key = (call.node.op, call.integer("to", 0), tuple((type(number), number) for number in numbers))
    return call.symbols.result(key, of_rows=any(map(of_rows, numbers)))


def _exact(number: Number) -> bool:
    """Return whether every datatype has that number as it is: of floats, only small whole numbers do."""
    if isinstance(number, float):
        return number.is_integer() and abs(number) <= _LARGEST_FLOAT
    return isinstance(number, Term) or abs(number) <= _LARGEST


def _cast(number: Number, to: int) -> Number | None:
    if isinstance(number, Term):
        # A float rounds large numbers, and a whole number cuts what a float has behind its point.
        return number if to in _INTEGERS and least(number) is not None else None
    if to == _BOOL:
        return bool(number)
    if to in _INTEGERS:
        return int(number) if math.isfinite(number) else None
    return float(number) if to in _REALS else None


def _add(a: Number, b: Number) -> Number | None:
    if isinstance(a, Term) or isinstance(b, Term):
        return b if a == 0 and type(a) is int else a if b == 0 and type(b) is int else None
    return a + b


def _subtract(a: Number, b: Number) -> Number | None:
    if isinstance(a, Term) or isinstance(b, Term):
        return 0 if a == b else a if b == 0 and type(b) is int else None
    return a - b


def _multiply(a: Number, b: Number) -> Number | None:
    if isinstance(a, float) or isinstance(b, float):
        return None if isinstance(a, Term) or isinstance(b, Term) else a * b
    if (isinstance(a, int) and a < 0) or (isinstance(b, int) and b < 0):
        return a * b if isinstance(a, int) and isinstance(b, int) else None
    return times(a, b)


def _divide(a: Number, b: Number) -> Number | None:
    if isinstance(a, float) or isinstance(b, float):
        return None if isinstance(a, Term) or isinstance(b, Term) or not b else a / b
    if isinstance(a, int) and isinstance(b, int):
        return None if not b else abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
    # Of symbols that may be 0 the quotient fails or is exact: a division by 0 ends the run.
    positive = (isinstance(a, Term) or a > 0) and (isinstance(b, Term) or b > 0)
    return over(a, b) if positive else None


def _equal(a: Number, b: Number) -> bool | None:
    if isinstance(a, Term) and isinstance(b, Term):
        return True if a == b else None
    if isinstance(a, Term) or isinstance(b, Term):
        term, number = (a, b) if isinstance(a, Term) else (b, a)
        low = least(term) if isinstance(term, Term) else None
        return False if low is not None and not isinstance(number, Term) and number < low else None
    return a == b


def _both(how: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """Return an operator on two numbers that are both known."""
    return lambda a, b: None if isinstance(a, Term) or isinstance(b, Term) else how(a, b)


def _where(condition: Number, a: Number, b: Number) -> Number | None:
    if isinstance(condition, Term):
        return a if a == b and type(a) is type(b) else None
    return a if condition else b


_OPERATORS: dict[str, Callable[..., Number | None]] = {
    "Add": _add,
    "Sub": _subtract,
    "Mul": _multiply,
    "Div": _divide,
    "Equal": _equal,
    "Where": _where,
    "Less": _both(lambda a, b: a < b),
    "Greater": _both(lambda a, b: a > b),
    "LessOrEqual": _both(lambda a, b: a <= b),
    "GreaterOrEqual": _both(lambda a, b: a >= b),
    "And": _both(lambda a, b: a and b),
    "Or": _both(lambda a, b: a or b),
    "Min": _both(min),
    "Max": _both(max),
    "Not": lambda a: None if isinstance(a, Term) else not a,
    "Neg": lambda a: None if isinstance(a, Term) else -a,
    "Floor": lambda a: None if isinstance(a, Term) else math.floor(a) + 0.0,
    "Ceil": lambda a: None if isinstance(a, Term) else math.ceil(a) + 0.0,
}


def reduce_product(call: Call) -> Value | None:
    """Return the product of a small tensor of numbers, as ReduceProd does; None if it is not followed."""
    content = call.value(0).content
    if content is None or content.ndim != 1:
        return None
    total: Number | None = 1
    for number in content:
        total = _multiply(total, number) if total is not None else None
    if total is None:
        return None
    if call.flag("noop_with_empty_axes", 0) and not call.listed("axes", 1):
        return None
    keep = call.flag("keepdims", 1)
    return of_content(_single(total, (1,) if keep else ()))


def _single(number: Number, shape: tuple[int, ...]) -> Content:
    array = np.empty(shape, object)
    array[...] = number
    return array
