"""The Flask application of the clients' port: paths to handlers, errors to JSON, metrics."""

import time
from collections.abc import Callable

from flask import Flask, Response, g, render_template, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.exceptions import NotFound as NoSuchPath

from inference.errors import ApiError
from inference.logs import fields, logger
from inference.metrics import DURATION, IN_FLIGHT, REQUESTS
from inference.registry import Registry
from inference.replies import Reply, error_body, error_reply
from inference.routes import page, repository, score, v2, version


def create_app(registry: Registry, max_pixels: int) -> Flask:
    """Make the application; it keeps no state but the registry's."""
    app = Flask("inference", static_folder=None)
    _measure(app, registry)
    _catch(app)
    _add_own(app, registry, max_pixels)
    _add_v2(app, registry)
    return app


def _add(app: Flask, method: str, route: str, name: str, handler: Callable[..., Reply]) -> None:
    def view(**arguments: str) -> Response:
        return respond(handler(**arguments))

    app.add_url_rule(route, name, view, methods=[method])


def respond(reply: Reply) -> Response:
    """Make Flask's response of a reply."""
    if reply.model:
        g.model = reply.model
    headers = {"Content-Type": reply.content_type, **dict(reply.headers)}
    return Response(reply.body, reply.status, headers)


def _add_own(app: Flask, registry: Registry, max_pixels: int) -> None:
    def post_score() -> Reply:
        name = request.args.get("model")
        return score.score_pictures(registry, name, request.get_data(), request.content_type, max_pixels)

    def get_page() -> Reply:
        if request.accept_mimetypes.quality("text/html") <= request.accept_mimetypes.quality("text/plain"):
            return page.HEALTHY
        text = render_template("page.html", page=page.page_values(registry, request.args.get("model")))
        return Reply(text.encode(), content_type="text/html; charset=utf-8", headers=page.HEALTHY.headers)

    _add(app, "POST", "/score", "score", post_score)
    _add(app, "GET", "/", "page", get_page)
    _add(app, "GET", "/version", "version", lambda: version.version(registry, request.args.get("model")))


def _add_v2(app: Flask, registry: Registry) -> None:
    def post_infer(model: str, version: str | None = None) -> Reply:
        framed = "Inference-Header-Content-Length" in request.headers
        body, kind = request.get_data(), request.content_type
        return v2.infer(registry, model, version, body, kind, framed=framed)

    def metadata(model: str, version: str | None = None) -> Reply:
        return v2.model_metadata(registry, model, version)

    def ready(model: str, version: str | None = None) -> Reply:
        return v2.model_ready(registry, model, version)

    _add(app, "GET", "/v2", "server", v2.server_metadata)
    _add(app, "GET", "/v2/health/live", "live", v2.live)
    _add(app, "GET", "/v2/health/ready", "ready", lambda: v2.ready(registry))
    _add(app, "POST", "/v2/repository/index", "index", lambda: repository.index(registry, request.get_data()))
    for prefix, suffix in (("/v2/models/<model>", ""), ("/v2/models/<model>/versions/<version>", "_version")):
        _add(app, "GET", prefix, "metadata" + suffix, metadata)
        _add(app, "GET", prefix + "/ready", "model_ready" + suffix, ready)
        _add(app, "POST", prefix + "/infer", "infer" + suffix, post_infer)


def _measure(app: Flask, registry: Registry) -> None:
    @app.before_request
    def start() -> None:
        g.started = time.perf_counter()
        g.model = _known(registry, (request.view_args or {}).get("model", ""))
        IN_FLIGHT.inc()

    @app.after_request
    def count(response: Response) -> Response:
        route = (request.endpoint or "unknown").removesuffix("_version")
        REQUESTS.labels(g.model, route, str(response.status_code)).inc()
        DURATION.labels(g.model, route).observe(time.perf_counter() - g.started)
        return response

    @app.teardown_request
    def end(_: BaseException | None) -> None:
        IN_FLIGHT.dec()


def _known(registry: Registry, name: str) -> str:
    """Return a model's name for a label, none for one that a client made up."""
    return name if name in registry.entries() else ""


def _catch(app: Flask) -> None:
    @app.errorhandler(ApiError)
    def known(error: ApiError) -> Response:
        return respond(error_reply(error))

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        status = error.code or 500
        return respond(Reply(error_body(_sentence(error)), status, headers=_allow(error)))

    @app.errorhandler(Exception)
    def unknown(error: Exception) -> Response:
        logger.exception("a request failed", extra=fields(method=request.method, path=request.path))
        return respond(
            Reply(error_body(f"the server failed: {type(error).__name__}; its log says more"), 500)
        )


def _sentence(error: HTTPException) -> str:
    match error:
        case NoSuchPath():
            return f"{request.path}: no such path"
        case MethodNotAllowed():
            return f"{request.path}: {request.method} is not allowed; use {' or '.join(_verbs(error))}"
        case _:
            return error.description or error.name


def _verbs(error: MethodNotAllowed) -> list[str]:
    return sorted(set(error.valid_methods or ()) - {"HEAD", "OPTIONS"})


def _allow(error: HTTPException) -> tuple[tuple[str, str], ...]:
    if isinstance(error, MethodNotAllowed):
        return (("Allow", ", ".join(sorted(error.valid_methods or ()))),)
    return ()
