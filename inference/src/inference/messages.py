"""What the HTTP front and the endpoints exchange: requests and replies, before any web framework."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import NamedTuple

import orjson

from inference.models.stats import Timing

JSON = "application/json"
Headers = tuple[tuple[str, str], ...]
# A browser takes a body for what its type is, never for a script because it looks like one.
NOSNIFF = ("X-Content-Type-Options", "nosniff")


# What is made for each request is a NamedTuple: a frozen dataclass takes three times as long.
class Request(NamedTuple):
    """An HTTP request whose body has arrived.

    `path` is percent-decoded, `query` is not. Names of `headers` are in capitals with underscores
    (`CONTENT_TYPE`); several of one name are joined by a comma. `params` holds what the route's path has in
    braces. `waited` is the time since the request was complete, in nanoseconds.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes | memoryview = b""
    client: str = ""
    params: Mapping[str, str] = MappingProxyType({})
    waited: int = 0


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
    kind = (("Content-Type", reply.content_type), NOSNIFF) if reply.content_type else ()
    version = (("X-Model-Version", reply.version),) if reply.version else ()
    return (*kind, *reply.headers, *version)


def error_body(message: str) -> bytes:
    """Return `{"error": message}` as JSON."""
    return orjson.dumps({"error": message})
