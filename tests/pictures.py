"""Pictures for tests."""

import base64
import struct
import zlib
from io import BytesIO

from PIL import Image


def png(width: int = 8, height: int = 8, grey: int = 0) -> bytes:
    """Make a grey picture."""
    return encoded(Image.new("L", (width, height), grey), "PNG")


def colour(red: int, green: int, blue: int) -> bytes:
    """Make a picture of one pixel."""
    return encoded(Image.new("RGB", (1, 1), (red, green, blue)), "PNG")


def encoded(picture: Image.Image, form: str) -> bytes:
    """Write a picture in a format."""
    buffer = BytesIO()
    picture.save(buffer, form)
    return buffer.getvalue()


def text(data: bytes) -> str:
    """Write bytes as base64."""
    return base64.b64encode(data).decode()


def with_checksums(png: bytes) -> bytes:
    """Set the checksums of a PNG's chunks right, so that damage reaches the decoder."""
    parts, at = [png[:8]], 8
    while at + 12 <= len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        end = at + 8 + size
        parts += [png[at:end], struct.pack(">I", zlib.crc32(png[at + 4 : end]))]
        at = end + 4
    return b"".join(parts)


def bomb(side: int = 50_000) -> bytes:
    """Make a small PNG whose pixels would take gigabytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
