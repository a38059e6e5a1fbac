"""The query of a request. Pure."""

from functools import lru_cache
from urllib.parse import unquote_plus

# A client can send tens of thousands of parameters; the rest is ignored.
MOST_PARAMETERS = 100
_REMEMBERED_CHARACTERS = 512


def model_name(query: str) -> str:
    """Return the value of `model`, the first one if there are several; empty if there is none."""
    if not query:
        return ""
    return _remembered(query) if len(query) <= _REMEMBERED_CHARACTERS else _model_name(query)


def _model_name(query: str) -> str:
    for pair in query.split("&", MOST_PARAMETERS)[:MOST_PARAMETERS]:
        name, _, value = pair.partition("=")
        if unquote_plus(name) == "model":
            return unquote_plus(value)
    return ""


_remembered = lru_cache(maxsize=1024)(_model_name)
