"""Parts of the OpenAPI operations that routes are described by. Pure."""

from typing import Any

from inference.api.route import Operation
from inference.api.schemas import TEXT, Schema, ref
from inference.messages import JSON

ERRORS = {
    400: "Invalid request; see `error`.",
    403: "This server was not started to allow it.",
    404: "There is no such model or version.",
    413: "The request is larger than the server's limits allow; `error` names the limit.",
    415: "This path does not read such a Content-Type or Content-Encoding.",
    500: "The server failed; its log says more.",
    503: "Not now: the model is not loaded, or too many requests wait. Retry-After says when to try again.",
}
BINARY: Schema = {"type": "string", "format": "binary"}
VERSIONED = {"X-Model-Version": {"description": "The version that the answer is about.", "schema": TEXT}}


def operation(summary: str, answer: Operation, errors: tuple[int, ...] = (), **more: Any) -> Operation:
    """Make an operation: what a 200 is, which errors beside 500 there are, and other keys of OpenAPI."""
    refused = {str(status): json_answer(ERRORS[status], "Error") for status in (*errors, 500)}
    return {"summary": summary, "responses": {"200": answer, **refused}, **more}


def reads_model(summary: str, schema: str) -> Operation:
    """Make the operation of a route that describes a model by a schema."""
    return operation(summary, json_answer(schema, schema, headers=VERSIONED), (404, 503))


def json_answer(description: str, schema: str, **more: Any) -> dict[str, Any]:
    """Describe a response of JSON, by the name of its schema."""
    return {"description": description, "content": {JSON: {"schema": ref(schema)}}, **more}


def text_answer(description: str, *kinds: str) -> dict[str, Any]:
    """Describe a response of text, of one of these content types."""
    return {"description": description, "content": {kind: {"schema": TEXT} for kind in kinds}}


def parameter(name: str, place: str, description: str, schema: Schema = TEXT) -> dict[str, Any]:
    """Describe a parameter; `place` is path, query or header."""
    required = place == "path"
    return {"name": name, "in": place, "description": description, "schema": schema, "required": required}


def body(content: dict[str, Schema], *, required: bool = True) -> dict[str, Any]:
    """Describe a request's body by content type."""
    return {"required": required, "content": {kind: {"schema": schema} for kind, schema in content.items()}}


QUERY_MODEL = parameter("model", "query", "A model other than the default one.")
