"""A small reader of JSON objects whose every complaint says the file, the key and the cure."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from inference import units
from inference.errors import Refused


class Section:
    """A JSON object with known keys."""

    def __init__(self, value: object, where: str, keys: Iterable[str]) -> None:
        """Take an object; `where` is its place, such as `serving.json: image`."""
        if not isinstance(value, dict):
            raise Refused(f"{where}: must be an object, got {_kind(value)}")
        self._value: Mapping[str, Any] = value
        self._where = where
        known = tuple(keys)
        for key in value:
            if key not in known:
                raise Refused(f"{where}: unknown key {key!r}; {_cure(key, known)}")

    def has(self, key: str) -> bool:
        """Tell whether the key is there."""
        return key in self._value

    def raw(self, key: str) -> Any:
        """Return the value as it is, None if it is absent."""
        return self._value.get(key)

    def place(self, key: str) -> str:
        """Return where a key is, for a sentence."""
        return f"{self._where}.{key}" if self._where.count(":") else f"{self._where}: {key}"

    def wrong(self, key: str, must: str) -> Refused:
        """Make the complaint that the key's value is not what it must be."""
        return Refused(f"{self.place(key)}: must be {must}, got {_kind(self._value.get(key))}")

    def text(self, key: str) -> str | None:
        """Read a string that is not empty."""
        value = self.raw(key)
        if value is not None and (not isinstance(value, str) or not value):
            raise self.wrong(key, "a string")
        return value

    def flag(self, key: str) -> bool:
        """Read true or false; absent is false."""
        value = self._value.get(key, False)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def count(self, key: str) -> int | None:
        """Read a whole number of at least one."""
        value = self.raw(key)
        if value is not None and (type(value) is not int or value < 1):
            raise self.wrong(key, "a whole number of at least 1")
        return value

    def number(self, key: str, default: float, least: float | None = None) -> float:
        """Read a number."""
        value = self._value.get(key, default)
        if type(value) not in (int, float) or (least is not None and value < least):
            raise self.wrong(key, "a number" if least is None else f"a number of at least {least:g}")
        return float(value)

    def duration(self, key: str, default: float) -> float:
        """Read a time with its unit, such as `2ms`; returns seconds."""
        value = self.raw(key)
        if value is None:
            return default
        try:
            return units.duration(value)
        except (TypeError, ValueError, AttributeError):
            raise self.wrong(key, 'a time such as "2ms" or "1s"') from None

    def numbers(self, key: str) -> tuple[float, ...] | None:
        """Read a list of numbers with at least one."""
        value = self.raw(key)
        if value is None:
            return None
        if not isinstance(value, list) or not value or any(type(n) not in (int, float) for n in value):
            raise self.wrong(key, "a list of numbers")
        return tuple(float(n) for n in value)

    def choice(self, key: str, choices: tuple[str, ...]) -> str | None:
        """Read one of some words."""
        value = self.raw(key)
        if value is not None and value not in choices:
            raise self.wrong(key, "one of " + ", ".join(choices))
        return value if value is None else str(value)

    def tensors(self, key: str) -> dict[str, Any]:
        """Read an object of tensor names and their data."""
        value = self.raw(key)
        if not isinstance(value, dict) or not value:
            raise self.wrong(key, "an object of tensor names and their data")
        return value


def _cure(key: str, known: tuple[str, ...]) -> str:
    close = get_close_matches(key, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known keys are {', '.join(known)}"


def _kind(value: object) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 40 else text[:40] + "…"
