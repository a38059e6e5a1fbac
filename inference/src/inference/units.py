"""How a setting is written: sizes, times, counts. Every function raises ValueError with the cure."""

import re
from collections.abc import Callable

_BYTES = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_SECONDS = {"": 1.0, "MS": 0.001, "S": 1.0, "M": 60.0, "H": 3600.0}
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#@,*\"\\]+")
_USUAL_PORTS = {"http": ":80", "https": ":443"}
_PIXELS = {"": 1, "P": 1, "KP": 10**3, "MP": 10**6}


def _scaled(text: str, units: dict[str, float] | dict[str, int], example: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", text.strip())
    if not match or match[2].upper() not in units:
        raise ValueError(f"write it like {example}")
    return float(match[1]) * units[match[2].upper()]


def size(text: str) -> int:
    """Read a number of bytes, at least one: `64MiB`, `10MB`, `4096`."""
    number = int(_scaled(text, _BYTES, "64MiB"))
    if number < 1:
        raise ValueError("give at least 1 byte, such as 64MiB")
    return number


def pixels(text: str) -> int:
    """Read a number of pixels, at least one: `50MP`, `250000`."""
    number = int(_scaled(text, _PIXELS, "50MP"))
    if number < 1:
        raise ValueError("give at least 1 pixel, such as 50MP")
    return number


def duration(text: str) -> float:
    """Read a time in seconds, zero or more: `5s`, `200ms`, `1m`, `0`."""
    return _scaled(text, _SECONDS, "5s, 200ms or 1m")


def interval(text: str) -> float:
    """Read a time in seconds that is longer than zero."""
    seconds = duration(text)
    if seconds <= 0:
        raise ValueError("give a time longer than 0, such as 5s")
    return seconds


def port(text: str) -> int:
    """Read a TCP port; 0 lets the system choose."""
    if not text.strip().isdecimal() or int(text) > 65535:
        raise ValueError("give a port from 0 to 65535")
    return int(text)


def count(text: str) -> int:
    """Read a whole number of at least one."""
    if not text.strip().isdecimal() or int(text) < 1:
        raise ValueError("give a whole number of at least 1")
    return int(text)


def bounded(most: int) -> Callable[[str], int]:
    """Make a reader of a whole number from 1 to `most`."""

    def read(text: str) -> int:
        if not text.strip().isdecimal() or not 1 <= int(text) <= most:
            raise ValueError(f"give a whole number from 1 to {most}")
        return int(text)

    return read


def auto_count(text: str) -> int | None:
    """Read a whole number of at least one, or `auto` (None)."""
    if text.strip() == "auto":
        return None
    try:
        return count(text)
    except ValueError:
        raise ValueError("give a whole number of at least 1, or auto") from None


def optional_text(text: str) -> str | None:
    """Read a text; an empty one is None."""
    return text.strip() or None


def auto_size(text: str) -> int | None:
    """Read a number of bytes, at least one, or `auto` (None)."""
    return None if text.strip() == "auto" else size(text)


def switch(text: str) -> bool:
    """Read `on` or `off`."""
    if text not in ("on", "off"):
        raise ValueError("give on or off")
    return text == "on"


def one_of(*choices: str) -> Callable[[str], str]:
    """Make a reader that takes one of these words."""

    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"give one of {', '.join(choices)}")
        return text

    return read


def origin(text: str) -> str:
    """Read an origin as browsers send it, or `*`: scheme, host, and the port unless it is the usual one."""
    if text == "*":
        return text
    cure = "give *, or an origin as browsers send it, such as https://example.com or http://localhost:3000"
    lower = text.lower()
    if not _ORIGIN.fullmatch(lower):
        raise ValueError(cure)
    usual = _USUAL_PORTS.get(lower.partition(":")[0])
    if usual and lower.endswith(usual):
        raise ValueError(f"browsers leave out the port {usual[1:]}; leave it out")
    return lower
