"""JSON text to Python objects: within limits, and without an object that has a key twice. Pure."""

import json
from typing import Any

import orjson

from inference.errors import BadRequest
from inference.protocol.limits import DEFAULT, JsonLimits, Text, check_json, colons, count

_FLAT: set[type] = {int, float, bool, type(None)}


class _TwiceError(Exception):
    """An object has this key twice."""


def load(text: Text, limits: JsonLimits = DEFAULT, what: str = "the body") -> Any:
    """Parse a JSON text; raises TooLarge, or BadRequest that says where it is wrong. `what` names it."""
    if isinstance(text, memoryview):
        text = bytes(text)
    check_json(text, limits)
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"{what} is not JSON: {error}") from None
    # A parser keeps the last of two equal keys: with two, the text has more colons than the value has keys.
    found = count(text, b":")
    if found != _usual_keys(value):
        _check_keys(text, value, found, what)
    return value


def load_object(body: Text, limits: JsonLimits = DEFAULT) -> dict[str, Any]:
    """Parse a body that must be a JSON object; raises as `load` does."""
    value = load(body, limits)
    if not isinstance(value, dict):
        raise BadRequest('the body must be a JSON object, such as {"inputs": […]}')
    return value


def _usual_keys(value: Any) -> int:
    """Count the keys where a request has them: at the top, and two levels below. It may miss others.

    A count that misses some is less than the colons of a text, so it never hides a key that is there twice.
    """
    if type(value) is not dict:
        return 0
    keys = len(value)
    for item in value.values():
        if type(item) is list and item and type(item[0]) is dict:
            for entry in item:
                if type(entry) is dict:
                    keys += len(entry)
                    if "parameters" in entry and type(entry["parameters"]) is dict:
                        keys += len(entry["parameters"])
    return keys


def _check_keys(text: bytes | bytearray, value: Any, found: int, what: str) -> None:
    """Raise BadRequest that names a key which an object has twice; exact, whatever the strings hold."""
    keys, in_strings = _count(value)
    # Without escapes, the strings of the value are those of the text, except for what a second key replaced.
    if found == keys or (b"\\" not in text and found == keys + in_strings):
        return
    if colons(text) == keys:
        return
    try:
        json.loads(text, object_pairs_hook=_unique)
    except _TwiceError as twice:
        raise BadRequest(f"{what} has the key {twice} twice in one object; leave one of them out") from None
    raise AssertionError("a JSON text has more keys than its value, and none is there twice")


def _count(value: Any) -> tuple[int, int]:
    """Return how many keys a value has at all levels, and how many colons are in its strings and keys."""
    keys = in_strings = 0
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            in_strings += item.count(":")
        elif isinstance(item, dict):
            keys += len(item)
            in_strings += "".join(item).count(":")
            pending.extend(item.values())
        elif isinstance(item, list) and not set(map(type, item)) <= _FLAT:
            pending.extend(item)
    return keys, in_strings


def _unique(pairs: list[tuple[str, Any]]) -> None:
    seen = set()
    for key, _ in pairs:
        if key in seen:
            shown = key if len(key) <= 40 else key[:40] + "…"
            raise _TwiceError(repr(shown))
        seen.add(key)
