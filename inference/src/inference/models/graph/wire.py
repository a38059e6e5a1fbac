"""A bounded reader of protobuf's wire format, over a file that is mapped into memory.

The `protobuf` package would do, but it copies the weights that lie inside a model into memory: a field that a
message class does not declare is kept as well. This reader steps over them, and so never touches their pages.

Source of the format: https://protobuf.dev/programming-guides/encoding/
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap
from typing import Any

from inference.errors import Refused

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
# The longest string, and the most numbers of a list, that are read.
MAX_TEXT = 1 << 16
MAX_NUMBERS = 1 << 16
_VARINT_BYTES = 10


@dataclass(frozen=True, slots=True)
class Message:
    """A message, or any other field that has a length: the bytes [start, end) of a buffer."""

    buffer: mmap | bytes
    start: int
    end: int

    def fields(self) -> Iterator[tuple[int, int, "int | Message"]]:
        """Yield the number, the wire type and the value of each field; raises Refused for malformed bytes.

        The value of a varint is a number, of any other type the bytes.
        """
        at = self.start
        while at < self.end:
            tag, at = _varint(self.buffer, at, self.end)
            number, wire = tag >> 3, tag & 7
            if wire == VARINT:
                value, at = _varint(self.buffer, at, self.end)
                yield number, wire, value
                continue
            if wire == BYTES:
                length, at = _varint(self.buffer, at, self.end)
            elif wire in (FIXED32, FIXED64):
                length = 4 if wire == FIXED32 else 8
            else:
                raise malformed(f"wire type {wire}")
            if length > self.end - at:
                raise malformed("a field is longer than the message that it is in")
            yield number, wire, Message(self.buffer, at, at + length)
            at += length

    @property
    def size(self) -> int:
        """The number of bytes."""
        return self.end - self.start

    def read(self, most: int = MAX_TEXT) -> bytes:
        """Return the bytes; raises Refused if there are more than `most`."""
        if self.size > most:
            raise malformed(f"a field has {self.size} bytes, the limit is {most}")
        return bytes(self.buffer[self.start : self.end])

    def text(self) -> str:
        """Return the bytes as UTF-8; raises Refused."""
        return self.read().decode("utf-8", "replace")


def signed(value: int) -> int:
    """Return the signed number of 64 bits that a varint stands for."""
    return value - (1 << 64) if value >> 63 else value


def integers(wire: int, value: int | Message) -> list[int]:
    """Return the numbers of a field of integers, packed or not; raises Refused if there are too many."""
    if isinstance(value, int):
        return [signed(value)]
    if wire != BYTES:
        raise malformed("a list of integers has other numbers")
    found, at = list[int](), value.start
    while at < value.end:
        number, at = _varint(value.buffer, at, value.end)
        found.append(signed(number))
        check_count(found)
    return found


def reals(value: int | Message, code: str) -> list[float]:
    """Return the numbers of a field of floats (`code` f) or doubles (d), packed or not; raises Refused."""
    size = struct.calcsize(code)
    if isinstance(value, int) or value.size % size:
        raise malformed("a list of numbers has other bytes")
    return list(struct.unpack(f"<{value.size // size}{code}", value.read(MAX_NUMBERS * size)))


def check_count(numbers: list[Any]) -> None:
    """Raise Refused if a list has too many numbers."""
    if len(numbers) > MAX_NUMBERS:
        raise malformed(f"a list has too many numbers, the limit is {MAX_NUMBERS}")


def malformed(reason: str) -> Refused:
    """Return the error of a file that cannot be read."""
    return Refused(f"the graph of model.onnx cannot be read: {reason}")


def _varint(buffer: mmap | bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    for place in range(at, min(end, at + _VARINT_BYTES)):
        byte = buffer[place]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (1 << 64) - 1, place + 1
        shift += 7
    raise malformed("a number does not end")
