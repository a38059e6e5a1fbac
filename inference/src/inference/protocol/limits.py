"""Bounds on JSON that hold before anything is built from it. Pure.

A byte of JSON can become many bytes of objects: `[],` takes 64 in Python. So the elements and the depth are
counted in the text, at C speed, and most texts need no more than their length and a count of brackets.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.errors import TooLarge

# Whatever may hold JSON on its way in; only a memoryview has no `count`.
Text = bytes | bytearray | memoryview
Bytes = NDArray[np.uint8]

DEFAULT_ELEMENTS, DEFAULT_DEPTH = 2_000_000, 72
CURE = "send tensors as raw bytes (docs/contract.md, Raw tensors)"

# Blocks that fit a CPU's cache: numpy's masks of a whole body would take as much memory as the body.
_BLOCK = 1 << 18
_LONG = 1 << 14
_COMMA, _COLON, _QUOTE = b',:"'
# Above it are brackets, braces, the backslash and lower-case letters; digits and commas are below.
_LEAST_BRACKET = ord("[")
_DEPTH = np.zeros(256, np.int8)
_DEPTH[list(b"[{")], _DEPTH[list(b"]}")] = 1, -1
# What a byte outside of strings adds to the elements, in units of the 32 bytes that a number takes in Python.
# A quote stands for a string's end; the rest of an element is its comma.
WEIGHTS = {",": 1, '"': 1, "[": 4, "{": 8, ":": 8}
_MOST = max(WEIGHTS.values())
_WEIGHT = np.zeros(256, np.int64)
_WEIGHT[[ord(byte) for byte in WEIGHTS]] = list(WEIGHTS.values())


@dataclass(frozen=True, slots=True)
class JsonLimits:
    """The most that one JSON text may hold: elements, and nested levels.

    A number counts as 1 element, a string as 2, a list as 4, an object as 8, and each of its keys as 8 more:
    so is the memory that they take.
    """

    elements: int = DEFAULT_ELEMENTS
    depth: int = DEFAULT_DEPTH


DEFAULT = JsonLimits()


def check_json(text: bytes | bytearray, limits: JsonLimits) -> None:
    """Raise TooLarge if a text has more elements or a deeper nesting than `limits`; parses nothing.

    Text that is no JSON is bounded up to its first wrong byte, where a parser stops.
    """
    if len(text) < _LONG:
        openings = text.count(b"[") + text.count(b"{")
    else:
        openings = count(text, b"[") + count(text, b"{")
    # No text with fewer bytes can have too many. What is in strings may be too much for the quick sum only.
    if len(text) * _MOST > limits.elements and _at_most(text) > limits.elements:
        _check_elements(text, limits)
    if openings > limits.depth:
        _check_depth(text, limits)


def count(text: bytes | bytearray, byte: bytes) -> int:
    """Return how often a byte is in a text. On long ones numpy takes a sixth of the time of `bytes.count`."""
    if len(text) < _LONG:
        return text.count(byte)
    return sum(int(np.count_nonzero(block == byte[0])) for block in _blocks(text))


def colons(text: bytes | bytearray) -> int:
    """Return how many colons are outside of strings: one for each key of each object."""
    return sum(int(np.count_nonzero(block == _COLON)) for block in _structure(text, _COLON))


def _at_most(text: bytes | bytearray) -> int:
    return sum(weight * count(text, byte.encode()) for byte, weight in WEIGHTS.items())


def _check_elements(text: bytes | bytearray, limits: JsonLimits) -> None:
    found = 0
    for block in _structure(text, _COMMA, _COLON):
        found += int(_WEIGHT[block].sum())
        if found > limits.elements:
            raise TooLarge(f"the JSON has more than {limits.elements} elements (--max-json-elements); {CURE}")


def _check_depth(text: bytes | bytearray, limits: JsonLimits) -> None:
    depth = 0
    for block in _structure(text):
        levels = np.cumsum(_DEPTH[block], dtype=np.int64)
        if levels.size and depth + int(levels.max()) > limits.depth:
            raise TooLarge(
                f"the JSON is nested more than {limits.depth} levels deep (--max-json-depth); {CURE}"
            )
        depth += int(levels[-1]) if levels.size else 0


def _structure(text: bytes | bytearray, *also: int) -> Iterator[Bytes]:
    """Yield what is outside of strings, block by block: brackets, the ends of strings, `also`, and others."""
    if b"\\" in text:
        # What is left of a backslash pair or an escaped quote is nothing; so each quote bounds a string.
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    inside = 0
    for block in _blocks(text):
        kept_places = (block >= _LEAST_BRACKET) | (block == _QUOTE)
        for byte in also:
            kept_places |= block == byte
        kept = block[kept_places]
        # The sums wrap at 256, which keeps what is even.
        quotes = np.cumsum(kept == _QUOTE, dtype=np.uint8) + np.uint8(inside)
        yield kept[quotes & 1 == 0]
        inside = int(quotes[-1]) & 1 if quotes.size else inside


def _blocks(text: bytes | bytearray) -> Iterator[Bytes]:
    everything = np.frombuffer(text, np.uint8)
    return (everything[start : start + _BLOCK] for start in range(0, len(text), _BLOCK))
