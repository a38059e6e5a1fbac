"""Which dimension has the rows after a tensor got another shape. Elements keep their order.

The rows lie in blocks of equal length along one dimension. They do so after a reshape as well if what lies
before them has the same number of elements, and a row's own elements fill a whole block.
"""

from collections.abc import Callable

from inference.models.graph.terms import Length, Number, least, of_rows, over, product, rows, times
from inference.models.graph.value import Mixes, Shape, Value, check_block

Fresh = Callable[[], Length]


def reshape(value: Value, target: list[Number], fresh: Fresh, *, allow_zero: bool = False) -> Value:
    """Return a value in the shape that Reshape makes of it; `fresh` makes unknown lengths.

    An entry of -1 is what is left, 0 the input's length in that place, unless `allow_zero`. Raises Mixes if
    the rows may not stay apart.
    """
    entries = [_entry(value, place, number, allow_zero) for place, number in enumerate(target)]
    if entries.count(-1) > 1:
        raise Mixes("two entries of the new shape are -1")
    if value.rows is None:
        return value.with_shape(_without_rows(value, entries, fresh), None)
    shape, axis = _with_rows(value, entries, fresh)
    return value.with_shape(shape, axis)


def _entry(value: Value, place: int, number: Number, allow_zero: bool) -> Length:
    if isinstance(number, float) or (isinstance(number, int) and number < -1):
        raise Mixes(f"{number} is no length")
    if type(number) is int and number == 0:
        if allow_zero:
            raise Mixes("the new shape has no elements")
        if place >= value.rank:
            raise Mixes(f"entry {place} of the new shape is 0, and the input has {value.rank} dimensions")
        return value.dims[place]
    return number


def _without_rows(value: Value, entries: list[Length], fresh: Fresh) -> Shape:
    if any(map(of_rows, entries)):
        raise Mixes("the new shape changes with the number of rows, and the input does not")
    total = product(value.dims)
    rest = product([entry for entry in entries if entry != -1])
    left = over(total, rest)
    return tuple(_length(entry, left, fresh) for entry in entries)


def _length(entry: Length, left: Length | None, fresh: Fresh) -> Length:
    if entry == -1:
        return fresh() if left is None else left
    # An entry that turns out as 0 or -1 stands for another length.
    return entry if least(entry) == 1 or isinstance(entry, int) else fresh()


def _with_rows(value: Value, entries: list[Length], fresh: Fresh) -> tuple[Shape, int]:
    """Return the new shape and the dimension of the rows in it."""
    assert value.rows is not None, value
    before = product(value.dims[: value.rows])
    row = times(value.block, product(value.dims[value.rows + 1 :]))
    places = [place for place, entry in enumerate(entries) if of_rows(entry)]
    if len(places) > 1:
        raise Mixes("two entries of the new shape change with the number of rows")
    if not places:
        return _found(entries, before, row, fresh)
    (place,) = places
    block = check_block(entries[place])
    after = times(block, product([entry for entry in entries[place + 1 :] if entry != -1]))
    front = entries[:place]
    if -1 in front:
        left = over(before, product([entry for entry in front if entry != -1]))
        if after != row or left is None:
            raise Mixes(
                "what the new shape has before the rows may be another number of elements than before"
            )
        front = [left if entry == -1 else entry for entry in front]
    if product(front) != before:
        raise Mixes("the new shape has another number of elements before the rows than the input has")
    back = [_length(entry, over(row, after), fresh) for entry in entries[place + 1 :]]
    own = entries[place] if least(block) == 1 or least(block) not in (None, 0) else times(rows(), fresh())
    return (*front, own, *back), place


def _found(entries: list[Length], before: Length, row: Length, fresh: Fresh) -> tuple[Shape, int]:
    """Return the shape where the entry of the rows is -1: each row must fill it a whole number of times."""
    if -1 not in entries:
        raise Mixes("the new shape does not change with the number of rows")
    place = entries.index(-1)
    if product(entries[:place]) != before:
        raise Mixes("the new shape has another number of elements before the rows than the input has")
    block = over(row, product(entries[place + 1 :]))
    if block is None:
        raise Mixes(
            "the new shape is -1 where the rows are, and may put elements of several rows together: the "
            "length of a row is not known to be a multiple of what comes after"
        )
    back = [_length(entry, None, fresh) for entry in entries[place + 1 :]]
    return (*entries[:place], rows(block), *back), place


def flat(value: Value, axis: int, fresh: Fresh) -> Value:
    """Return a value as a matrix, as Flatten makes it: the dimensions before `axis`, and the others."""
    return joined(value, [value.dims[:axis], value.dims[axis:]], fresh)


def joined(value: Value, groups: list[Shape], fresh: Fresh) -> Value:
    """Return a value whose dimensions are joined by groups."""
    shape: list[Length] = [product(group) for group in groups]
    if value.rows is None:
        return value.with_shape(tuple(shape), None)
    place = next(place for place, length in enumerate(shape) if of_rows(length))
    if product(shape[:place]) != product(value.dims[: value.rows]):
        raise Mixes("it joins the dimension of the rows with one before it")
    return value.with_shape(tuple(shape), place)
