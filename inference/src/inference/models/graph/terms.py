"""Lengths of dimensions as products of symbols, such as `12 * rows * length`; all is exact."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

# The largest product: a graph that squares numbers time and again would make it grow without end.
MAX_FACTOR, MAX_SYMBOLS = 2**63 - 1, 64


@dataclass(frozen=True, slots=True, order=True)
class Symbol:
    """A number that is not known before the model runs; equal symbols are equal numbers.

    `of_rows`: it may change with the number of rows. `least` is what it is at least, None if that is unknown.
    """

    number: int
    of_rows: bool = field(default=False, compare=False)
    least: int | None = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Term:
    """A factor of at least 1 times one symbol or more, which are sorted."""

    factor: int
    symbols: tuple[Symbol, ...]

    @property
    def of_rows(self) -> bool:
        """Whether it may change with the number of rows."""
        return any(symbol.of_rows for symbol in self.symbols)

    @property
    def least(self) -> int | None:
        """What it is at least: 1 or 0, None if that is unknown."""
        leasts = [symbol.least for symbol in self.symbols]
        if None in leasts:
            return None
        return 1 if 0 not in leasts else 0


# The number of rows of all requests of a run: the first dimension of each of the graph's inputs.
ROWS = Symbol(0, of_rows=True, least=1)
# A length, and an element of a small tensor of numbers.
Length = int | Term
Number = int | float | bool | Term


class Symbols:
    """Makes the symbols of one walk."""

    def __init__(self) -> None:
        """Start after ROWS."""
        self._numbers = itertools.count(1)
        self._known: dict[object, Symbol] = {}

    def fresh(self, least: int | None = 0, *, of_rows: bool = False) -> Term:
        """Return a number of which nothing else is known."""
        return Term(1, (Symbol(next(self._numbers), of_rows, least),))

    def result(self, key: object, *, of_rows: bool) -> Term:
        """Return the number that a computation gives; the same for equal keys."""
        if key not in self._known:
            self._known[key] = Symbol(next(self._numbers), of_rows, None)
        return Term(1, (self._known[key],))


def rows(block: Length = 1) -> Length:
    """Return the number of rows times `block`."""
    return times(Term(1, (ROWS,)), block)


def of_rows(number: object) -> bool:
    """Return whether a number may change with the number of rows."""
    return isinstance(number, Term) and number.of_rows


def least(length: Length) -> int | None:
    """Return what a number is at least, None if that is unknown."""
    return length.least if isinstance(length, Term) else length


def times(a: Length, b: Length) -> Length:
    """Return the product; raises OverflowError if it is too large for any dimension."""
    if 0 in (a, b):
        return 0
    factor, symbols = _factor(a) * _factor(b), _symbols(a) + _symbols(b)
    if abs(factor) > MAX_FACTOR or len(symbols) > MAX_SYMBOLS:
        raise OverflowError("a length is a product of too much")
    return Term(factor, tuple(sorted(symbols))) if symbols else factor


def product(lengths: Sequence[Length]) -> Length:
    """Return the product of all; 1 of none."""
    total: Length = 1
    for length in lengths:
        total = times(total, length)
    return total


def over(a: Length, b: Length) -> Length | None:
    """Return `a / b` if that is a whole number whatever the symbols are, else None.

    A symbol of both is taken out of both: where it is 0, `a` has no elements.
    """
    if a == 0 or b == 0:
        return None
    left = list(_symbols(a))
    for symbol in _symbols(b):
        if symbol not in left:
            return None
        left.remove(symbol)
    quotient, rest = divmod(_factor(a), _factor(b))
    if rest:
        return None
    return Term(quotient, tuple(left)) if left else quotient


def _factor(length: Length) -> int:
    return length if isinstance(length, int) else length.factor


def _symbols(length: Length) -> tuple[Symbol, ...]:
    return () if isinstance(length, int) else length.symbols
