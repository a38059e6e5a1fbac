"""`GET /openapi.json` and `GET /docs`: what this server answers, for programs and for people."""

from typing import Any

from inference.api.openapi import document
from inference.api.replies import json_reply
from inference.messages import Reply

DOCUMENT = document()
_OPENAPI = json_reply(DOCUMENT)


def openapi() -> Reply:
    """Return the description of all paths."""
    return _OPENAPI


def operations() -> list[dict[str, Any]]:
    """Return all operations for the page, each with its method and path."""
    return [
        {"path": path, "method": method, **operation}
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    ]
