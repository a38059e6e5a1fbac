"""Answers, before any web framework: a status, a body, and what the metrics say of them."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson

from inference.errors import ApiError

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer. `model` is the model that it is about, for the metrics; empty if none is."""

    body: bytes
    status: int = HTTPStatus.OK
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    model: str = ""


def json_reply(value: Any, status: int = HTTPStatus.OK, model: str = "") -> Reply:
    """Make an answer of JSON."""
    return Reply(orjson.dumps(value), status, model=model)


def error_reply(error: ApiError, model: str = "") -> Reply:
    """Make the `{"error": …}` of an error."""
    headers = (("Retry-After", str(error.retry_after)),) if error.retry_after else ()
    return Reply(error_body(error.message), error.status, headers=headers, model=model)


def error_body(message: str) -> bytes:
    """Write `{"error": message}`."""
    return orjson.dumps({"error": message})
