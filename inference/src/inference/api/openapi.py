"""What the clients' port answers, as OpenAPI 3.1 has it. Pure; no external thing is referred to."""

from typing import Any

from inference import __version__
from inference.api.forms import FORM
from inference.api.schemas import SCHEMAS, TEXT, Schema, listed, ref
from inference.messages import JSON
from inference.protocol.binary import CONTENT_TYPE, HEADER

_PICTURE: Schema = {"type": "string", "format": "binary"}
_ENCODING = {"type": "string", "enum": ["identity", "gzip", "deflate"]}
_ERRORS = {
    400: "The request says something that cannot be done.",
    403: "This server was not started to allow it.",
    404: "There is no such model or version.",
    413: "The body, once expanded, is larger than --max-body.",
    415: "This path does not read such a Content-Type or Content-Encoding.",
    500: "The server failed; its log says more.",
    503: "Not now: the model is not loaded, or too many requests wait. Retry-After says when to try again.",
}
_VERSIONED = {"X-Model-Version": {"description": "The version that the answer is about.", "schema": TEXT}}


def document() -> dict[str, Any]:
    """Return the whole description."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "inference",
            "version": __version__,
            "description": "Serves ONNX models by the Open Inference Protocol v2, and pictures by /score.",
        },
        "paths": {**_own(), **_server(), **_models(), **_repository()},
        "components": {"schemas": SCHEMAS},
    }


def _operation(
    summary: str, answers: dict[str, Any], errors: tuple[int, ...] = (), **more: Any
) -> dict[str, Any]:
    refused = {str(status): _json(_ERRORS[status], ref("Error")) for status in (*errors, 500)}
    return {"summary": summary, "responses": {"200": answers, **refused}, **more}


def _json(description: str, schema: Schema, **more: Any) -> dict[str, Any]:
    return {"description": description, "content": {JSON: {"schema": schema}}, **more}


def _text(description: str, *kinds: str) -> dict[str, Any]:
    return {"description": description, "content": {kind: {"schema": TEXT} for kind in kinds}}


def _parameter(name: str, place: str, description: str, schema: Schema = TEXT) -> dict[str, Any]:
    return {
        "name": name,
        "in": place,
        "description": description,
        "schema": schema,
        "required": place == "path",
    }


def _body(content: dict[str, Schema], *, required: bool = True) -> dict[str, Any]:
    return {"required": required, "content": {kind: {"schema": schema} for kind, schema in content.items()}}


def _operation_id(method: str, path: str) -> str:
    words = [word.strip("{}").replace(".", "_") for word in path.split("/") if word]
    return "_".join([method, *words])


def _path(path: str, method: str, operation: dict[str, Any], *parameters: dict[str, Any]) -> dict[str, Any]:
    named = {"operationId": _operation_id(method, path), **operation}
    return {path: {method: {**named, "parameters": list(parameters)} if parameters else named}}


_QUERY = _parameter("model", "query", "A model other than the default one.")
_COMPRESSED = _parameter("Content-Encoding", "header", "How the body is compressed.", _ENCODING)


def _own() -> dict[str, Any]:
    pictures: dict[str, Schema] = dict.fromkeys(("image/png", "image/jpeg", CONTENT_TYPE), _PICTURE)
    form = {"type": "object", "properties": {"image": listed(_PICTURE)}, "required": ["image"]}
    score = _operation(
        "Score pictures: one as the body, several as the files of a form, or as base64 in JSON",
        _json("Labels with percentages, the best first.", ref("ScoreResponse"), headers=_VERSIONED),
        (400, 404, 413, 415, 503),
        requestBody=_body({JSON: ref("ScoreRequest"), **pictures, FORM: form}),
    )
    page = _text("`Healthy`, or for a browser a page to try the model.", "text/plain", "text/html")
    described = _json("The version, its digest, since when it serves.", ref("Version"), headers=_VERSIONED)
    return {
        **_path("/", "get", _operation("Say that the server answers", page, (404, 503)), _QUERY),
        **_path("/score", "post", score, _QUERY, _COMPRESSED),
        **_path("/version", "get", _operation("Tell what serves", described, (400, 404, 503)), _QUERY),
        **_path(
            "/openapi.json", "get", _operation("This description", _json("OpenAPI 3.1.", {"type": "object"}))
        ),
        **_path("/docs", "get", _operation("This description, to read", _text("A page.", "text/html"))),
    }


def _server() -> dict[str, Any]:
    ready = _operation("Tell whether this server should get traffic", _json("It should.", ref("Ready")))
    ready["responses"]["503"] = _json("It should not, and why.", ref("Ready"))
    return {
        **_get("/v2", "Describe the server", "Server"),
        **_get("/v2/health/live", "Tell that the process answers", "Live"),
        **_path("/v2/health/ready", "get", ready),
        **_get("/v2/models", "List the models", "Models"),
        **_get("/v2/models/stats", "Tell how often all models ran, and how long that took", "Stats"),
    }


def _get(path: str, summary: str, schema: str) -> dict[str, Any]:
    return _path(path, "get", _operation(summary, _json(schema, ref(schema))))


def _models() -> dict[str, Any]:
    model = _parameter("model", "path", "The model's name.")
    version = _parameter("version", "path", "The version, which must be the one that serves.")
    unversioned = _of_model("/v2/models/{model}", model)
    return unversioned | _of_model("/v2/models/{model}/versions/{version}", model, version)


def _of_model(prefix: str, *names: dict[str, Any]) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for suffix, summary, schema in (
        ("", "Describe a model", "Model"),
        ("/ready", "Tell whether a model is ready", "Ready"),
        ("/config", "Describe a model in the words of Triton's configuration", "Config"),
        ("/stats", "Tell how often a model ran, and how long that took", "Stats"),
    ):
        answer = _json(schema, ref(schema), headers=_VERSIONED)
        paths |= _path(prefix + suffix, "get", _operation(summary, answer, (404, 503)), *names)
    header = _parameter(HEADER, "header", "The bytes of the JSON, if raw tensors follow it.")
    return paths | _path(prefix + "/infer", "post", _infer(), *names, header, _COMPRESSED)


def _infer() -> dict[str, Any]:
    answer = _json("The outputs.", ref("InferResponse"), headers=_VERSIONED)
    answer["content"][CONTENT_TYPE] = {"schema": _PICTURE}
    return _operation(
        "Run a model on tensors",
        answer,
        (400, 404, 413, 415, 503),
        requestBody=_body({JSON: ref("InferRequest"), CONTENT_TYPE: _PICTURE}),
    )


def _repository() -> dict[str, Any]:
    index = _operation(
        "List what serves, what loads and what was refused",
        _json("A row a version.", ref("Index")),
        (400, 413, 415),
        requestBody=_body({JSON: ref("IndexRequest")}, required=False),
    )
    paths = _path("/v2/repository/index", "post", index, _COMPRESSED)
    for verb, summary in (
        ("load", "Load what a model's link points at"),
        ("unload", "Stop to serve a model"),
    ):
        operation = _operation(
            summary,
            {"description": "Done."},
            (400, 403, 404, 413, 415),
            requestBody=_body({JSON: ref(f"{verb.capitalize()}Request")}, required=False),
        )
        name = _parameter("model", "path", "The model's name.")
        paths |= _path(f"/v2/repository/models/{{model}}/{verb}", "post", operation, name, _COMPRESSED)
    return paths
