"""A node with what the walk knows of its inputs: what a rule is given."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from inference.models.graph.onnx_file import Attribute, Node
from inference.models.graph.terms import Length, Number, Symbols, Term
from inference.models.graph.value import Content, Mixes, Value, objects

# How many elements of a constant whose numbers are unknown get a symbol each.
_MAX_UNKNOWN = 64


@dataclass(frozen=True, slots=True)
class Call:
    """A node, the version of its operator set, and its inputs; None is one that is left out."""

    node: Node
    version: int
    inputs: Sequence[Value | None]
    attributes: Mapping[str, Attribute]
    symbols: Symbols

    def has(self, place: int) -> bool:
        """Return whether the input of that place is given."""
        return place < len(self.inputs) and self.inputs[place] is not None

    def value(self, place: int) -> Value:
        """Return an input of which only the shape is used; raises Mixes if it is left out."""
        value = self.inputs[place] if place < len(self.inputs) else None
        if value is None:
            raise Mixes(f"input {place + 1} is missing")
        return value

    def data(self, place: int, *, numbered: str = "") -> Value:
        """Return an input whose elements are used; raises Mixes if they cannot be.

        `numbered`: where they may be row numbers, because the rule keeps each in its row.
        """
        value = self.value(place)
        name = self.node.inputs[place]
        if value.mixed:
            raise Mixes(value.mixed, inherited=True)
        if value.counts:
            raise Mixes(f"tensor {name!r} has the number of rows in it, which the operator computes with")
        if value.numbered not in ("", numbered):
            raise Mixes(f"tensor {name!r} has row numbers in it, which the operator computes with")
        return value

    def rowed(self, place: int, axis: int | None = None, *, numbered: str = "") -> tuple[Value, int]:
        """Return an input that has rows, and their dimension; `axis` is the one that it must be."""
        value = self.data(place, numbered=numbered)
        name = self.node.inputs[place]
        if value.rows is None:
            raise Mixes(f"tensor {name!r} is the same for all rows, and others are not")
        if axis is not None and value.rows != axis:
            raise Mixes(f"the rows lie along dimension {value.rows} of {name!r}, not along {axis}")
        return value, value.rows

    def fixed(self, *places: int) -> None:
        """Raise Mixes if an input of these places is given and is not the same for all rows."""
        for place in places:
            if self.has(place) and self.data(place).rows is not None:
                raise Mixes(f"tensor {self.node.inputs[place]!r} differs from row to row")

    def content(self, place: int) -> Content | None:
        """Return the numbers of a small input, symbols for the unknown ones; None if it is left out.

        Raises Mixes if they differ from row to row, or are too many.
        """
        if not self.has(place):
            return None
        value = self.value(place)
        if value.content is not None:
            return value.content
        self.fixed(place)
        lengths = [length for length in value.dims if isinstance(length, int)]
        if len(lengths) < value.rank or math.prod(lengths) > _MAX_UNKNOWN:
            raise Mixes(f"the numbers in tensor {self.node.inputs[place]!r} are unknown")
        return objects([self.fresh(None) for _ in range(math.prod(lengths))], tuple(lengths))

    def numbers(self, place: int) -> list[Number]:
        """Return the numbers of a small input, one after the other; raises Mixes as `content`."""
        content = self.content(place)
        if content is None:
            raise Mixes(f"input {place + 1} is missing")
        return list(content.flat)

    def known(self, place: int) -> list[int] | None:
        """Return the whole numbers of a small input, None if it is left out; raises Mixes if unknown."""
        if not self.has(place):
            return None
        found = [number for number in self.numbers(place) if isinstance(number, int)]
        if len(found) != len(self.numbers(place)):
            raise Mixes(f"the numbers in tensor {self.node.inputs[place]!r} are unknown")
        return found

    def integer(self, name: str, default: int) -> int:
        """Return an attribute that is an integer."""
        value = self.attributes[name].integer() if name in self.attributes else None
        return default if value is None else value

    def flag(self, name: str, default: int) -> bool:
        """Return an attribute that is 0 or 1; raises Mixes for another number, which not all read alike."""
        value = self.integer(name, default)
        if value not in (0, 1):
            raise Mixes(f"its attribute {name} is {value}, neither 0 nor 1")
        return value == 1

    def text(self, name: str, default: str = "") -> str:
        """Return an attribute that is a string."""
        value = self.attributes[name].text() if name in self.attributes else None
        return default if value is None else value

    def integers(self, name: str) -> list[int] | None:
        """Return an attribute that is a list of integers, None if it is left out."""
        return self.attributes[name].integers() if name in self.attributes else None

    def reals(self, name: str) -> list[float]:
        """Return an attribute that is a list of floats, empty if it is left out."""
        return self.attributes[name].reals() if name in self.attributes else []

    def count(self, *names: str) -> int:
        """Return how many entries the first list has that is given and not empty, of these attributes."""
        counts = [self.attributes[name].count() for name in names if name in self.attributes]
        return next((count for count in counts if count), 0)

    def listed(self, name: str, place: int) -> list[int] | None:
        """Return whole numbers that are an input in some versions of the operator, an attribute in others."""
        return self.known(place) if self.has(place) else self.integers(name)

    def fresh(self, least: int | None = 0) -> Term:
        """Return a number of which is known that it is the same for all requests of a run, and no more."""
        return self.symbols.fresh(least)

    def unknown(self, count: int) -> list[Length]:
        """Return lengths of which nothing is known."""
        return [self.fresh() for _ in range(count)]


Rule = Callable[[Call], Sequence[Value]]


def within(axis: int, rank: int) -> int:
    """Return an axis counted from the front; raises Mixes if there is no such axis."""
    if not -rank <= axis < rank:
        raise Mixes(f"axis {axis} is none of {rank} dimensions")
    return axis % rank


def apart(value: Value, axis: int, what: str) -> None:
    """Raise Mixes if an operator works along the dimension of the rows."""
    if value.rows == axis:
        raise Mixes(f"it {what} along dimension {axis}, which has the rows")
