"""What the HTTP front and the endpoints exchange: a reply, before any web framework."""

from http import HTTPStatus
from typing import NamedTuple

import orjson

from inference.models.stats import Timing

JSON = "application/json"
Headers = tuple[tuple[str, str], ...]


# What is made for each request is a NamedTuple: a frozen dataclass takes three times as long.
class Reply(NamedTuple):
    """An HTTP response, with the model and the version that it is about; empty if none is.

    `timing` has the parts of the work on it, if a model was run.
    """

    body: bytes
    status: int = HTTPStatus.OK
    content_type: str = JSON
    headers: Headers = ()
    model: str = ""
    version: str = ""
    timing: Timing | None = None


def all_headers(reply: Reply) -> Headers:
    """Return the headers of a reply, except its length."""
    version = (("X-Model-Version", reply.version),) if reply.version else ()
    return (("Content-Type", reply.content_type), *reply.headers, *version)


def error_body(message: str) -> bytes:
    """Return `{"error": message}` as JSON."""
    return orjson.dumps({"error": message})
