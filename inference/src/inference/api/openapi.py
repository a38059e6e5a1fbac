"""Derives the OpenAPI 3.1 document from routes. Pure; it refers to nothing outside of itself."""

import re
from collections.abc import Iterable
from typing import Any

from inference import __version__
from inference.api.describe import parameter
from inference.api.route import Route
from inference.api.schemas import SCHEMAS

_PARAMETERS = {
    "model": "The model's name.",
    "version": "The version, which must be the active one.",
}
_ENCODING = parameter(
    "Content-Encoding",
    "header",
    "How the body is compressed.",
    {"type": "string", "enum": ["identity", "gzip", "deflate"]},
)


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """Return the document that describes routes; it leaves out those that have no `doc`."""
    paths: dict[str, Any] = {}
    for route in routes:
        if route.doc is not None:
            paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "inference",
            "version": __version__,
            "description": "Serves ONNX models by the Open Inference Protocol v2, and pictures by /score.",
        },
        "paths": paths,
        "components": {"schemas": SCHEMAS},
    }


def _operation(route: Route) -> dict[str, Any]:
    """Complete the operation of a route by what follows from its path, and from having a body."""
    operation = dict(route.doc or {})
    names = re.findall(r"{(\w+)}", route.path)
    parameters = [parameter(name, "path", _PARAMETERS.get(name, name)) for name in names]
    parameters += operation.pop("parameters", [])
    if "requestBody" in operation:
        parameters.append(_ENCODING)
    named = {"operationId": _identity(route), **operation}
    return {**named, "parameters": parameters} if parameters else named


def _identity(route: Route) -> str:
    words = [word.strip("{}").replace(".", "_") for word in route.path.split("/") if word]
    return "_".join([route.method.lower(), *words])
