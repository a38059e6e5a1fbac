"""JSON data to arrays and back."""

from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.protocol.bulk import MANY
from inference.protocol.datatypes import BF16, BY_NAME
from inference.protocol.values import parse, plain

INTEGERS = ["UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64"]
FLOATS = ["FP16", "BF16", "FP32", "FP64"]


def written(array: Any, name: str) -> Any:
    return orjson.loads(orjson.dumps(plain(array, BY_NAME[name]), option=orjson.OPT_SERIALIZE_NUMPY))


@pytest.mark.parametrize("name", INTEGERS)
def test_keeps_the_extremes_of_every_integer_type(name: str) -> None:
    bounds = np.iinfo(BY_NAME[name].dtype.name)
    extremes = [int(bounds.min), int(bounds.max)]
    array = parse(extremes, BY_NAME[name])
    assert array.dtype == BY_NAME[name].dtype
    assert array.tolist() == extremes
    assert written(array, name) == extremes


@pytest.mark.parametrize("name", INTEGERS)
@pytest.mark.parametrize("beyond", [-1, 1])
def test_refuses_integers_out_of_range(name: str, beyond: int) -> None:
    bounds = np.iinfo(BY_NAME[name].dtype.name)
    number = int(bounds.max) + 1 if beyond > 0 else int(bounds.min) - 1
    with pytest.raises(ValueError, match=f"out of the range of {name}"):
        parse([0, number], BY_NAME[name])


@pytest.mark.parametrize("name", FLOATS)
def test_reads_and_writes_floats(name: str) -> None:
    array = parse([[1, 2.5], [-0.5, 0]], BY_NAME[name])
    assert array.dtype == BY_NAME[name].dtype
    assert array.shape == (2, 2)
    assert written(array, name) == [1, 2.5, -0.5, 0]


@pytest.mark.parametrize("name", ["FP16", "BF16", "FP32"])
def test_refuses_floats_that_would_become_infinite(name: str) -> None:
    with pytest.raises(ValueError, match=f"out of the range of {name}"):
        parse([1e300], BY_NAME[name])


@pytest.mark.parametrize("name", FLOATS)
@given(some=st.lists(st.floats(-6e4, 6e4), min_size=1, max_size=20))
@settings(max_examples=30, deadline=None)
def test_reads_many_floats_as_it_reads_few(name: str, some: list[float]) -> None:
    few = [parse([number], BY_NAME[name])[0] for number in some] * MANY
    array = parse(some * MANY, BY_NAME[name])
    assert array.dtype == BY_NAME[name].dtype
    assert array.tobytes() == np.array(few).tobytes()


@pytest.mark.parametrize("odd", [7, True, "g" * 8, [], [1.5], 2**70])
@pytest.mark.parametrize("place", [1, MANY])
def test_sees_one_odd_element_among_many_floats(odd: Any, place: int) -> None:
    numbers: list[Any] = [0.5] * (MANY + 1)
    numbers[place] = odd
    if type(odd) is int:
        assert parse(numbers, BY_NAME["FP64"])[place] == odd
    else:
        with pytest.raises(ValueError, match=r"is no FP64 value|not all of the same length"):
            parse(numbers, BY_NAME["FP64"])


@pytest.mark.parametrize("name", [*INTEGERS, *FLOATS])
@pytest.mark.parametrize("shape", [(MANY,), (1, 3, 30, 40), (MANY, 1, 2)])
def test_reads_many_whole_numbers_in_the_shape_of_their_nesting(name: str, shape: tuple[int, ...]) -> None:
    numbers = np.random.default_rng(1).integers(0, 100, shape)
    array = parse(numbers.tolist(), BY_NAME[name])
    assert array.dtype == BY_NAME[name].dtype
    assert array.shape == shape
    assert (array == numbers).all()


@pytest.mark.parametrize("shape", [(MANY,), (1, 3, 30, 40), (MANY, 1, 2)])
def test_reads_many_floats_in_the_shape_of_their_nesting(shape: tuple[int, ...]) -> None:
    numbers = np.random.default_rng(1).random(shape)
    array = parse(numbers.tolist(), BY_NAME["FP64"])
    assert array.shape == shape
    assert (array == numbers).all()


@pytest.mark.parametrize("odd", [[0.5, 0.5], [], [0.5, "abcdefgh"], [0.5, None, 0.5, 0.5], 0.5, None])
def test_sees_one_odd_list_among_many(odd: Any) -> None:
    lists: list[Any] = [[0.5, 0.5, 0.5] for _ in range(MANY)]
    lists[7] = odd
    with pytest.raises(ValueError, match=r"is no FP32 value|not all of the same length"):
        parse(lists, BY_NAME["FP32"])


def test_sees_lists_whose_first_are_far_longer_than_the_others() -> None:
    lists = [[0.5] * (1 << 16), *[[0.5]] * (1 << 16)]
    with pytest.raises(ValueError, match="not all of the same length"):
        parse(lists, BY_NAME["FP32"])


@pytest.mark.parametrize("name", INTEGERS)
def test_refuses_one_of_many_integers_out_of_range(name: str) -> None:
    bounds = np.iinfo(BY_NAME[name].dtype.name)
    for beyond in (int(bounds.max) + 1, int(bounds.min) - 1):
        with pytest.raises(ValueError, match=f"out of the range of {name}"):
            parse([1] * MANY + [beyond], BY_NAME[name])


@pytest.mark.parametrize(("name", "many"), [("INT8", [1.0] * MANY), ("BYTES", [1] * MANY)])
def test_takes_no_other_numbers_for_being_many(name: str, many: list[float]) -> None:
    with pytest.raises(ValueError, match=rf"is no {name} value"):
        parse(many, BY_NAME[name])


def test_refuses_one_of_many_floats_that_would_become_infinite() -> None:
    with pytest.raises(ValueError, match="out of the range of FP32"):
        parse([0.5] * MANY + [1e300], BY_NAME["FP32"])


def test_a_large_unsigned_integer_is_not_rounded() -> None:
    numbers = [1, 2**63 + 1]
    assert parse(numbers, BY_NAME["UINT64"]).tolist() == numbers


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("INT64", [1, 1.5], "1.5 is no INT64 value"),
        ("INT64", ["1"], '"1" is no INT64 value'),
        ("INT64", [1, None], "null is no INT64 value; INT64 has no missing values"),
        ("UINT8", [None], "null is no UINT8 value; UINT8 has no missing values"),
        ("BOOL", [True, None], "null is no BOOL value; BOOL has no missing values"),
        ("BYTES", ["a", None], "null is no BYTES value; BYTES has no missing values"),
        ("INT64", [None] + [1] * MANY, "null is no INT64 value"),
        ("FP32", [None, "x"], '"x" is no FP32 value'),
        ("FP32", [None, [1]], "not all of the same length and depth"),
        ("FP32", ["x"], '"x" is no FP32 value'),
        ("BOOL", [True, 2], "only true, false, 1 and 0 are BOOL values"),
        ("BYTES", ["a", 1], "1 is no BYTES value"),
        ("FP32", [[1], [2, 3]], "not all of the same length and depth"),
        ("BYTES", [["a"], ["b", "c"]], "not all of the same length and depth"),
        ("FP32", [1, [2]], "not all of the same length and depth"),
        ("FP32", {"a": 1}, "is no FP32 value"),
        ("INT8", [2**63], "out of the range of INT8"),
        ("FP64", [True], "true is no FP64 value"),
        ("FP32", [0, "x" * 10**6], "is no FP32 value"),
    ],
)
def test_says_what_is_wrong_with_the_data(name: str, data: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence.replace(".", r"\.")):
        parse(data, BY_NAME[name])


def test_takes_many_zeros_and_ones_as_booleans() -> None:
    assert parse([1] * MANY, BY_NAME["BOOL"]).all()
    with pytest.raises(ValueError, match="only true, false, 1 and 0"):
        parse([2] * MANY, BY_NAME["BOOL"])


def test_takes_booleans_and_zero_and_one() -> None:
    assert parse([True, False], BY_NAME["BOOL"]).tolist() == [True, False]
    assert parse([1, 0], BY_NAME["BOOL"]).tolist() == [True, False]


def test_keeps_strings_as_they_are() -> None:
    data = [["", "é"], ["\x00", "long " * 50]]
    array = parse(data, BY_NAME["BYTES"])
    assert array.tolist() == data
    assert written(array, "BYTES") == ["", "é", "\x00", "long " * 50]


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_takes_no_elements_at_all(name: str) -> None:
    array = parse([], BY_NAME[name])
    assert (array.size, array.dtype) == (0, BY_NAME[name].dtype)
    assert written(array, name) == []


@pytest.mark.parametrize("name", FLOATS)
def test_writes_nan_and_infinities_as_null(name: str) -> None:
    array = np.array([np.nan, np.inf, -np.inf, 1], np.float32).astype(BY_NAME[name].dtype)
    assert written(array, name) == [None, None, None, 1]


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("data", [[[1, None], [2.5, 3]], [1, None, 2.5, 3]])
def test_null_is_nan_in_flat_and_in_nested_data(name: str, data: Any) -> None:
    array = parse(data, BY_NAME[name])
    assert array.dtype == BY_NAME[name].dtype
    assert np.isnan(array.ravel()).tolist() == [False, True, False, False]
    assert written(array, name) == [1, None, 2.5, 3]


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("place", [0, 7, -1])
def test_one_null_among_many_numbers_is_nan(name: str, place: int) -> None:
    numbers: list[float | None] = [0.5] * (4 * MANY)
    numbers[place] = None
    array = parse(numbers, BY_NAME[name])
    assert np.flatnonzero(np.isnan(array)).tolist() == [place % len(numbers)]
    assert (array[~np.isnan(array)] == 0.5).all()


@pytest.mark.parametrize("name", FLOATS)
def test_nulls_alone_are_nan(name: str) -> None:
    assert np.isnan(parse([[None]] * (2 * MANY), BY_NAME[name])).all()


def test_writes_an_array_that_is_not_contiguous_row_by_row() -> None:
    assert written(np.arange(6, dtype=np.float32).reshape(2, 3).T, "FP32") == [0, 3, 1, 4, 2, 5]


def test_bf16_is_what_float32_has_in_its_upper_half() -> None:
    array = parse([3.14159], BF16)
    assert written(array, "BF16") == [3.140625]


def test_refuses_data_nested_beyond_all_reason() -> None:
    data: Any = [1.0]
    for _ in range(500):
        data = [data]
    with pytest.raises(ValueError, match="nested more than 64 deep"):
        parse(data, BY_NAME["FP32"])
