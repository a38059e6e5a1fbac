"""JSON is bounded before anything is built from it."""

import tracemalloc
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.errors import TooLarge
from inference.protocol import limits
from inference.protocol.jsontext import load
from inference.protocol.limits import JsonLimits, check_json, colons

# Brackets, commas, colons, quotes and backslashes, inside of strings and outside.
TEXTS = st.text(alphabet='[]{},:"\\ab\U0001f600', max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=30,
)


def elements(value: Any) -> int:
    """Weigh what a value holds; a comma belongs to the element before it."""
    if isinstance(value, str):
        return 1
    if isinstance(value, dict):
        return 8 + 9 * len(value) + max(0, len(value) - 1) + sum(map(elements, value.values()))
    if isinstance(value, list):
        return 4 + max(0, len(value) - 1) + sum(map(elements, value))
    return 0


def depth(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


def key_count(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(map(key_count, value.values()))
    return sum(map(key_count, value)) if isinstance(value, list) else 0


@pytest.fixture(params=[1, 3, 1 << 18])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut texts into blocks of any size, of one byte too."""
    monkeypatch.setattr(limits, "_BLOCK", request.param)
    monkeypatch.setattr(limits, "_LONG", 1)


@pytest.mark.parametrize("option", [0, orjson.OPT_INDENT_2])
@given(value=VALUES)
@settings(max_examples=150, deadline=None)
def test_counts_what_is_outside_of_strings_and_nothing_else(option: int, value: Any) -> None:
    text = orjson.dumps(value, option=option)
    assert colons(text) == key_count(value)
    check_json(text, JsonLimits(elements(value), depth(value)))
    if elements(value):
        with pytest.raises(TooLarge, match="--max-json-elements"):
            check_json(text, JsonLimits(elements(value) - 1, 72))
    if depth(value):
        with pytest.raises(TooLarge, match="--max-json-depth"):
            check_json(text, JsonLimits(10_000, depth(value) - 1))


@pytest.mark.usefixtures("block")
def test_counts_alike_whatever_the_blocks_are() -> None:
    value = {'a\\":,[': [["]", {"b": '"'}], "\\\\", ["{" * 9, []]], "c:": {}}
    text = orjson.dumps(value)
    assert colons(text) == 3
    check_json(text, JsonLimits(elements(value), 4))
    for short in (JsonLimits(elements(value) - 1, 4), JsonLimits(elements(value), 3)):
        with pytest.raises(TooLarge):
            check_json(text, short)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_reads_as_many_elements_as_allowed_and_not_one_more(kind: type) -> None:
    bound = JsonLimits(elements=100)
    hundred = b"[" + b"1," * 96 + b"1]"
    assert len(load(kind(hundred), bound)) == 97
    with pytest.raises(
        TooLarge, match=r"more than 100 elements \(--max-json-elements\); send tensors as raw"
    ):
        load(kind(b"[1," + hundred[1:]), bound)


def test_reads_as_deep_as_allowed_and_not_one_deeper() -> None:
    assert load(b"[" * 72 + b"]" * 72) is not None
    with pytest.raises(TooLarge, match=r"nested more than 72 levels deep \(--max-json-depth\)"):
        load(b"[" * 73 + b"]" * 73)


@pytest.mark.parametrize(
    "item",
    [
        b"0.5,",
        b'"ab",',
        b'"\xc3\xa9\xc3\xa9",',
        b"[],",
        b"[0.5],",
        b"{},",
        b'{"a":0.5},',
        b'{"a":{"b":"c"}},',
    ],
)
def test_what_a_text_becomes_in_memory_is_bounded_by_its_elements(item: bytes) -> None:
    bound = JsonLimits(elements=100_000)
    many = b"[" + item * 10_000
    made = load(many[:-1] + b"]")
    size = 100_000 * 10_000 // elements(made)
    tracemalloc.start()
    try:
        value = load(b"[" + (item * (size - 10))[:-1] + b"]", bound)
        assert tracemalloc.get_traced_memory()[0] < 100_000 * 48
    finally:
        tracemalloc.stop()
    assert len(value) == size - 10
    with pytest.raises(TooLarge):
        load(b"[" + item * (size + 50) + b"1]", bound)


def test_many_lists_beside_each_other_are_not_deep() -> None:
    assert len(load(b'{"x":[' + b"[]," * 5000 + b"[]]}")["x"]) == 5001


def test_brackets_and_commas_in_strings_count_nothing() -> None:
    text = orjson.dumps({"x": "[" * 100 + "," * 100 + '\\"[' * 100})
    assert load(text, JsonLimits(18, 1)) == orjson.loads(text)


def test_a_string_without_end_hides_nothing_that_a_parser_would_build() -> None:
    with pytest.raises(TooLarge):
        check_json(b'[[[[1,2],"' + b"[" * 50, JsonLimits(100, 3))


def test_a_bomb_of_lists_is_refused_without_the_memory_for_them() -> None:
    bomb = b'{"x":[' + b"[]," * 3_000_000 + b"1]}"
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            load(bomb)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
