"""The Flask application of the clients' port: paths to handlers, errors to JSON, compression, metrics."""

import time
from collections.abc import Callable
from functools import partial

from flask import Flask, Response, g, render_template, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.exceptions import NotFound as NoSuchPath

from inference.api import compression, docs, page, repository, score, v2, version
from inference.api.infer import Ask, infer
from inference.api.replies import compressed, error_reply
from inference.api.repository import Control
from inference.messages import Reply, all_headers, error_body
from inference.models.registry import Registry
from inference.observe import metrics
from inference.observe.observer import Asked, Observer
from inference.protocol.binary import HEADER


def create_app(
    registry: Registry, observer: Observer, max_pixels: int, max_body: int, control: Control | None = None
) -> Flask:
    """Make the application; it keeps no state but the registry's.

    `control` None: no client may load or unload.
    """
    app = Flask("inference.api", static_folder=None)
    # A path that is wrong is told so, not redirected.
    app.url_map.merge_slashes = False
    _measure(app, registry, observer)
    _catch(app)
    _add_own(app, registry, max_pixels, max_body)
    _add_v2(app, registry, max_body)
    _add_repository(app, registry, max_body, control)
    return app


def _add(app: Flask, method: str, route: str, name: str, handler: Callable[..., Reply]) -> None:
    def view(**arguments: str) -> Response:
        return respond(handler(**arguments))

    app.add_url_rule(route, name, view, methods=[method])


def respond(reply: Reply) -> Response:
    """Make Flask's response of a reply, compressed if the client asks for it."""
    g.reply = reply = compressed(reply, request.headers.get("Accept-Encoding"))
    return Response(reply.body, reply.status, list(all_headers(reply)))


def _body(limit: int) -> bytes:
    """Return the request's body, expanded to at most `limit` bytes."""
    encoding = request.headers.get("Content-Encoding")
    return bytes(compression.expand(request.get_data(cache=False), encoding, limit))


def _add_own(app: Flask, registry: Registry, max_pixels: int, max_body: int) -> None:
    def post_score() -> Reply:
        name, kind = request.args.get("model"), request.content_type
        return score.score_pictures(registry, name, _body(max_body), kind, max_pixels)

    def get_page() -> Reply:
        if request.accept_mimetypes.quality("text/html") <= request.accept_mimetypes.quality("text/plain"):
            return page.HEALTHY
        text = render_template("page.html", page=page.page_values(registry, request.args.get("model")))
        return Reply(text.encode(), content_type="text/html; charset=utf-8", headers=page.HEALTHY.headers)

    def get_docs() -> Reply:
        text = render_template("docs.html", api=docs.DOCUMENT, operations=docs.operations())
        return Reply(text.encode(), content_type="text/html; charset=utf-8")

    _add(app, "POST", "/score", "score", post_score)
    _add(app, "GET", "/", "page", get_page)
    _add(app, "GET", "/version", "version", lambda: version.version(registry, request.args.get("model")))
    _add(app, "GET", "/openapi.json", "openapi", docs.openapi)
    _add(app, "GET", "/docs", "docs", get_docs)


def _add_v2(app: Flask, registry: Registry, max_body: int) -> None:
    def post_infer(model: str, version: str | None = None) -> Reply:
        said, body = request.headers, request.get_data(cache=False)
        kind, header, encoding = request.content_type, said.get(HEADER), said.get("Content-Encoding")
        served = registry.to_run(model, version)
        (reply,) = infer(served, [Ask(body, kind, header, 0, encoding, max_body)])
        return reply

    def of_model(handler: Callable[[Registry, str, str | None], Reply]) -> Callable[..., Reply]:
        return lambda model, version=None: handler(registry, model, version)

    _add(app, "GET", "/v2", "server", v2.server_metadata)
    _add(app, "GET", "/v2/health/live", "live", v2.live)
    _add(app, "GET", "/v2/health/ready", "ready", lambda: v2.ready(registry))
    _add(app, "GET", "/v2/models", "models", lambda: v2.model_names(registry))
    _add(app, "GET", "/v2/models/stats", "all_stats", lambda: v2.all_stats(registry))
    for prefix, suffix in (("/v2/models/<model>", ""), ("/v2/models/<model>/versions/<version>", "_version")):
        _add(app, "GET", prefix, "metadata" + suffix, of_model(v2.model_metadata))
        _add(app, "GET", prefix + "/ready", "model_ready" + suffix, of_model(v2.model_ready))
        _add(app, "GET", prefix + "/config", "config" + suffix, of_model(v2.config))
        _add(app, "GET", prefix + "/stats", "stats" + suffix, of_model(v2.model_stats))
        _add(app, "POST", prefix + "/infer", "infer" + suffix, post_infer)


def _add_repository(app: Flask, registry: Registry, max_body: int, control: Control | None) -> None:
    prefix = "/v2/repository"
    _add(app, "POST", prefix + "/index", "index", lambda: repository.index(registry, _body(max_body)))
    for verb, handler in (("load", repository.load), ("unload", repository.unload)):
        answer = partial(_controlled, handler, control, max_body)
        _add(app, "POST", f"{prefix}/models/<model>/{verb}", verb, answer)


def _controlled(handler: Callable[..., Reply], control: Control | None, max_body: int, model: str) -> Reply:
    return handler(control, model, _body(max_body))


def _measure(app: Flask, registry: Registry, observer: Observer) -> None:
    @app.before_request
    def start() -> None:
        g.started = time.perf_counter_ns()
        g.model = registry.label((request.view_args or {}).get("model", ""))
        metrics.in_flight(g.model).inc()

    @app.after_request
    def tell(response: Response) -> Response:
        said, route = request.headers, (request.endpoint or "unknown").removesuffix("_version")
        took = time.perf_counter_ns() - g.started
        # What Flask answers by itself, such as OPTIONS, is no Reply.
        reply = g.get("reply") or Reply(b"", response.status_code)
        model = reply.model or g.model
        response.headers.extend(
            observer.answered(_asked, said.get("X-Request-Id"), route, model, reply, took)
        )
        return response

    @app.teardown_request
    def end(_: BaseException | None) -> None:
        metrics.in_flight(g.model).dec()


def _asked() -> Asked:
    return Asked(request.method, request.path, request.remote_addr or "", request.headers.get("traceparent"))


def _catch(app: Flask) -> None:
    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        status = error.code or 500
        return respond(Reply(error_body(_sentence(error)), status, headers=_allow(error)))

    @app.errorhandler(Exception)
    def unknown(error: Exception) -> Response:
        return respond(error_reply(error, request.path))


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
