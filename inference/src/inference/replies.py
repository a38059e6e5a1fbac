"""Answers, before any web framework: a status, a body, and what the metrics say of them."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson

from inference.errors import ApiError

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, with the model and the version that it is about; empty if none is."""

    body: bytes
    status: int = HTTPStatus.OK
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    model: str = ""
    version: str = ""


def json_reply(value: Any, status: int = HTTPStatus.OK, model: str = "", version: str = "") -> Reply:
    """Make an answer of JSON."""
    return Reply(orjson.dumps(value), status, model=model, version=version)


def error_reply(error: ApiError) -> Reply:
    """Make the `{"error": …}` of an error."""
    return Reply(error_body(error.message), error.status, headers=error.headers, version=error.version)


def error_body(message: str) -> bytes:
    """Write `{"error": message}`."""
    return orjson.dumps({"error": message})
