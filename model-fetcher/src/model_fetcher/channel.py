"""The channel: which version is wanted. Pure; docs/contract.md has the format."""

import json
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from model_fetcher.errors import FetcherError, IntegrityError, NotFound
from model_fetcher.names import check_name

_HISTORY = 10
_CURE = "delete it, then promote a version"


@dataclass(frozen=True, slots=True)
class Channel:
    """What a channel document says. `extra` keeps the keys that a newer program wrote."""

    version: str
    history: tuple[str, ...] = ()
    """The versions pointed at before, newest first."""
    percent: int = 100
    """The share of pods that take `version`; the others stay on `previous`."""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def previous(self) -> str | None:
        """The version that a rollback goes to."""
        return self.history[0] if self.history else None

    def wanted_by(self, pod: str) -> str:
        """The version that this pod takes.

        A pod's place among 0…99 comes from a hash of its name and the version: raising `percent` only
        ever adds pods, and another version tries out other pods first.
        """
        place = int.from_bytes(sha256(f"{pod}/{self.version}".encode()).digest()[:8]) % 100
        return self.version if place < self.percent or self.previous is None else self.previous

    def to_json(self) -> bytes:
        """The document as it is written to the store."""
        document = {
            "version": self.version,
            "previous": self.previous,
            "history": list(self.history),
            "rollout": {"percent": self.percent},
            **self.extra,
        }
        return json.dumps(document, indent=2).encode() + b"\n"


def parse_channel(data: bytes, where: str) -> Channel:
    """Read a channel document; raises IntegrityError that names `where`."""
    try:
        return _build(json.loads(data))
    except KeyError as error:
        raise IntegrityError(f"{where} is not a channel: the key {error} is missing; {_CURE}") from error
    except (TypeError, ValueError, AttributeError, RecursionError, FetcherError) as error:
        raise IntegrityError(f"{where} is not a channel: {error}; {_CURE}") from error


def _build(document: dict[str, Any]) -> Channel:
    if not isinstance(document, dict):
        raise ValueError("it is not a JSON object")
    version = check_name("version", document["version"])
    before = document.get("history") or [document.get("previous")]
    if not isinstance(before, list):
        raise ValueError(f"history is {before!r}, not a list")
    history = tuple(check_name("version", name) for name in before if name)
    percent = document.get("rollout", {}).get("percent", 100)
    if type(percent) is not int or not 0 <= percent <= 100:
        raise ValueError(f"rollout.percent is {percent!r}, not a whole number from 0 to 100")
    known = ("version", "previous", "history", "rollout")
    return Channel(version, history, percent, {k: v for k, v in document.items() if k not in known})


def point(channel: Channel | None, version: str, percent: int = 100) -> Channel:
    """The channel after `publish` or `promote`: the version that it replaces becomes `previous`."""
    if channel is None:
        return Channel(version, percent=percent)
    if channel.version == version:
        return replace(channel, percent=percent)
    history = (channel.version, *channel.history)[:_HISTORY]
    return replace(channel, version=version, history=history, percent=percent)


def step_back(channel: Channel, name: str) -> Channel:
    """The channel after `rollback`; never returns to the version it leaves."""
    if not channel.history:
        raise NotFound(f"channel {name!r} has no version before {channel.version!r}: name one with 'promote'")
    return replace(channel, version=channel.history[0], history=channel.history[1:], percent=100)
