"""`GET /openapi.json` and `GET /docs`: all routes, for programs and for people."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from inference.api.describe import operation, text_answer
from inference.api.html import render
from inference.api.openapi import document
from inference.api.replies import json_reply
from inference.api.route import Route
from inference.api.services import Services
from inference.messages import JSON, Reply, Request

_JSON = operation(
    "This description",
    {"description": "OpenAPI 3.1.", "content": {JSON: {"schema": {"type": "object"}}}},
)
_PAGE = operation("This description, to read", text_answer("A page.", "text/html"))


def with_docs(routes: Sequence[Route]) -> tuple[Route, ...]:
    """Return the routes, and after them the two that describe all of them."""

    @cache
    def openapi() -> Reply:
        return json_reply(document(described))

    @cache
    def page() -> Reply:
        api = document(described)
        return render("docs.html", api=api, operations=operations(api))

    def get_openapi(services: Services, request: Request) -> Reply:
        return openapi()

    def get_page(services: Services, request: Request) -> Reply:
        return page()

    described = (
        *routes,
        Route("GET", "/openapi.json", "openapi", get_openapi, doc=_JSON),
        Route("GET", "/docs", "docs", get_page, doc=_PAGE),
    )
    return described


def operations(api: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all operations of a document for the page, each with its method and path."""
    return [
        {"path": path, "method": method, **operation}
        for path, methods in api["paths"].items()
        for method, operation in methods.items()
    ]
