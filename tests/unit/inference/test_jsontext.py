"""An object has each key once."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.errors import BadRequest
from inference.protocol.jsontext import load, load_object
from inference.protocol.limits import JsonLimits

KEYS = st.text(alphabet='a:"\\ ', max_size=3)
# Objects as lists of pairs, so that a key can come again.
NODES: st.SearchStrategy[Any] = st.recursive(
    st.integers(-9, 9) | KEYS | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(KEYS, inner), max_size=3).map(tuple),
    max_leaves=15,
)


def written(node: Any, space: str) -> str:
    """Write a node as JSON; a tuple of pairs is an object."""
    if isinstance(node, tuple):
        return "{" + ",".join(json.dumps(key) + f"{space}:{written(item, space)}" for key, item in node) + "}"
    if isinstance(node, list):
        return "[" + ",".join(written(item, space) for item in node) + "]"
    return json.dumps(node)


def has_twice(node: Any) -> bool:
    if isinstance(node, tuple):
        keys = [key for key, _ in node]
        return len(set(keys)) < len(keys) or any(has_twice(item) for _, item in node)
    return isinstance(node, list) and any(map(has_twice, node))


@given(NODES, st.sampled_from(["", " ", "\n\t"]))
@settings(max_examples=500, deadline=None)
def test_refuses_a_key_that_an_object_has_twice_and_no_other_text(node: Any, space: str) -> None:
    text = written(node, space).encode()
    if has_twice(node):
        with pytest.raises(BadRequest, match="twice in one object"):
            load(text)
    else:
        assert load(text) == orjson.loads(text)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (b'{"inputs":[],"inputs":[]}', "inputs"),
        (b'{"inputs" : [],"inputs":[]}', "inputs"),
        (b'{"inputs":[{"name":"x","data":[1],"data":[2]}]}', "data"),
        (b'{"inputs":[{"name":"x","parameters":{"a":1,"a":2}}]}', "a"),
        (b'{"a":1,"\\u0061":2}', "a"),
        (b'{"a":1,"a":2,"x":"\\u003a"}', "a"),
        (b'{"a":1,"a":2,"x":":"}', "a"),
        (b'{"x:0":1,"x:0":{"y":2}}', "x:0"),
        (b'[[[{"deep":{"b":1,"b":":\\":"}}]]]', "b"),
    ],
)
def test_names_the_key(text: bytes, key: str) -> None:
    with pytest.raises(BadRequest) as caught:
        load(text)
    assert caught.value.message == f"the body has the key {key!r} twice in one object; leave one of them out"


@pytest.mark.parametrize(
    "text",
    [
        b'{"inputs":[{"name":"input:0","data":["a:b","\\":",":"]}],"id":"x:\\u003a"}',
        b'{"a":{"a":{"a":[{"a":1},{"a":1}]}}}',
        b'{":":":",":\\"":"\\":"}',
        b'"a:b"',
        b"1",
    ],
)
def test_colons_in_strings_are_no_keys(text: bytes) -> None:
    assert load(text) == orjson.loads(text)


def test_shortens_a_long_key() -> None:
    key = "k" * 1000
    with pytest.raises(BadRequest) as caught:
        load(f'{{"{key}":1,"{key}":1}}'.encode())
    assert len(caught.value.message) < 120


def test_finds_a_key_that_is_there_twice_at_any_depth_allowed() -> None:
    deep = b'{"a":' * 500 + b'{"b":1,"b":1}' + b"}" * 500
    with pytest.raises(BadRequest, match="'b' twice"):
        load(deep, JsonLimits(depth=512))


@pytest.mark.parametrize("text", [b"", b"{", b"nul", b'{"a":NaN}', b'{"a":1e999}', b'"\\ud800"'])
def test_says_what_is_not_json(text: bytes) -> None:
    with pytest.raises(BadRequest, match=r"^the string is not JSON: "):
        load(text, what="the string")


def test_a_body_is_an_object() -> None:
    with pytest.raises(BadRequest, match="must be a JSON object"):
        load_object(b"[1]")
