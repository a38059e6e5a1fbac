"""What the walk knows of a tensor."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.models.graph.terms import ROWS, Length, Term, of_rows, over, rows

Shape = tuple[Length, ...]
# Small tensors of numbers, some of them symbols: an array of Python objects.
Content = NDArray[Any]
# Larger contents are not followed.
MAX_CONTENT = 1024
# Where a tensor holds row numbers, which differ when rows run alone: in all places, or in the first column
# of its last dimension. They may choose a row's own part of a tensor, and nothing else.
EVERYWHERE, FIRST_COLUMN = "everywhere", "first column"


class Mixes(Exception):
    """An operator that mixes rows, or of which the walk cannot tell; the message is the reason.

    `inherited`: the reason is that of an operator before, and names it.
    """

    def __init__(self, reason: str, *, inherited: bool = False) -> None:
        """Keep the reason."""
        super().__init__(reason)
        self.inherited = inherited


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A tensor.

    `shape` is None if not even the number of dimensions is known. `rows` is the dimension along which the
    rows lie, one block of equal length after the other; None: the tensor is the same for all requests of a
    run, but for `content` that has the number of rows in it. `mixed` is the reason why nobody may use the
    elements, empty if all may; the shape is right even so. `numbered` is EVERYWHERE or FIRST_COLUMN where
    the elements are row numbers. `unknown` is why the shape is None.
    """

    shape: Shape | None = None
    rows: int | None = None
    content: Content | None = None
    mixed: str = ""
    numbered: str = ""
    unknown: str = ""

    @property
    def rank(self) -> int:
        """The number of dimensions; raises Mixes if it is unknown."""
        return len(self.dims)

    @property
    def dims(self) -> Shape:
        """The shape; raises Mixes if it is unknown."""
        if self.shape is None and self.mixed:
            raise Mixes(self.mixed, inherited=True)
        if self.shape is None:
            raise Mixes(f"the number of dimensions of an input is unknown: {self.unknown}")
        return self.shape

    @property
    def block(self) -> Length:
        """The length of one row in the dimension of the rows."""
        assert self.rows is not None, self
        block = over(self.dims[self.rows], Term(1, (ROWS,)))
        assert block is not None, self
        return block

    @property
    def counts(self) -> bool:
        """Whether its content has the number of rows in it."""
        return self.content is not None and any(map(of_rows, self.content.flat))

    @property
    def constant(self) -> bool:
        """Whether it is the same whatever the rows are, and however many."""
        return self.rows is None and not self.mixed and not self.counts

    def with_shape(self, shape: Shape, rows: int | None) -> "Value":
        """Return the value without its content, in another shape."""
        return replace(self, shape=shape, rows=rows, content=None)


def of_content(content: Content) -> Value:
    """Return a small tensor of known numbers; if it has too many, only its shape."""
    shape = tuple(int(length) for length in content.shape)
    if content.size <= MAX_CONTENT:
        return Value(shape, content=content)
    if any(map(of_rows, content.flat)):
        return Value(shape, mixed="a tensor with the number of rows in it is too large to follow")
    return Value(shape)


def objects(values: Any, shape: tuple[int, ...]) -> Content:
    """Return an array of Python objects."""
    array = np.empty(len(values), object)
    array[:] = values
    return array.reshape(shape)


def made(lengths: list[Length] | Shape) -> Value:
    """Return a tensor of equal rows, as of zeros, with these lengths; raises Mixes if two are of the rows."""
    shape = tuple(lengths)
    places = [place for place, length in enumerate(shape) if of_rows(length)]
    if not places:
        return Value(shape)
    if len(places) > 1:
        raise Mixes("two dimensions of a tensor change with the number of rows")
    check_block(shape[places[0]])
    return Value(shape, places[0])


def check_block(length: Length) -> Length:
    """Return the block of a length that is the number of rows times a block; raises Mixes if it is not."""
    block = over(length, rows())
    if block is None or of_rows(block):
        raise Mixes("a dimension changes with the number of rows, but is no multiple of it")
    return block
