"""Answers, before any web framework: a status, a body, and what the metrics say of them."""

from http import HTTPStatus
from typing import Any

import orjson

from inference.api import compression
from inference.errors import ApiError
from inference.logs import fields, logger
from inference.messages import Reply, error_body


def json_reply(value: Any, status: int = HTTPStatus.OK, model: str = "", version: str = "") -> Reply:
    """Make an answer of JSON."""
    return Reply(orjson.dumps(value), status, model=model, version=version)


def error_reply(error: Exception, path: str) -> Reply:
    """Make the `{"error": …}` of an error; one that is not meant for the client goes to the log."""
    if isinstance(error, ApiError):
        return Reply(error_body(error.message), error.status, headers=error.headers, version=error.version)
    logger.error("a request failed", extra=fields(path=path), exc_info=error)
    sentence = f"the server failed: {type(error).__name__}; its log says more"
    return Reply(error_body(sentence), HTTPStatus.INTERNAL_SERVER_ERROR)


def compressed(reply: Reply, accepted: str | None) -> Reply:
    """Compress an answer, if it is worth it and the client's Accept-Encoding asks for it."""
    if len(reply.body) < compression.LEAST_BYTES:
        return reply
    vary = ", ".join([*(value for name, value in reply.headers if name == "Vary"), "Accept-Encoding"])
    headers = (*(header for header in reply.headers if header[0] != "Vary"), ("Vary", vary))
    encoding = compression.choose(accepted)
    if encoding is None:
        return reply._replace(headers=headers)
    body = compression.compress(reply.body, encoding)
    return reply._replace(body=body, headers=(*headers, ("Content-Encoding", encoding)))
