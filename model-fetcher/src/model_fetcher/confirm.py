"""Asking the server which version serves; see "Confirmation" in docs/contract.md."""

import json
from dataclasses import dataclass
from enum import Enum
from http.client import HTTPException
from urllib.request import Request, urlopen

_TIMEOUT = 2.0


class Answer(Enum):
    """What the server says of a version."""

    SERVED = "served"
    REFUSED = "refused"
    OTHER = "other"
    """The server answers, and does not know the version (yet)."""
    SILENT = "silent"
    """Nobody answers: a server that is starting, or restarting."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """An answer and, for a refusal, its reason."""

    answer: Answer
    reason: str = ""


def ask(url: str, model: str, version: str) -> Opinion:
    """POST to `url`, which answers like `/v2/repository/index`, and look the version up.

    Never raises: a server that cannot be asked is silent.
    """
    try:
        request = Request(url, data=b"{}", headers={"Content-Type": "application/json"})
        with urlopen(request, timeout=_TIMEOUT) as response:
            return read_index(json.load(response), model, version)
    except (OSError, ValueError, HTTPException) as error:
        return Opinion(Answer.SILENT, str(error))


def read_index(index: object, model: str, version: str) -> Opinion:
    """What a repository index says of one version. Pure."""
    entries = [entry for entry in index if isinstance(entry, dict)] if isinstance(index, list) else []
    ours = [entry for entry in entries if (entry.get("name"), entry.get("version")) == (model, version)]
    # A version may be listed twice: served now, refused before.
    if any(entry.get("state") == "READY" for entry in ours):
        return Opinion(Answer.SERVED)
    for entry in ours:
        if entry.get("state") == "UNAVAILABLE":
            return Opinion(Answer.REFUSED, str(entry.get("reason") or "no reason given"))
    return Opinion(Answer.OTHER)
