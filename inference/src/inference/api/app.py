"""The Flask application of the clients' port: serves the routes that run no model, by the route table."""

import time
from collections.abc import Callable
from functools import partial

from flask import Flask, Response, g, request
from werkzeug.routing import BaseConverter

from inference.api.cors import cors_headers
from inference.api.replies import compressed, error_reply
from inference.api.route import Route
from inference.api.services import Services
from inference.api.table import Table
from inference.messages import Reply, Request, all_headers
from inference.observe import metrics
from inference.observe.observer import Asked, Observer
from inference.options import NAME


class NameConverter(BaseConverter):
    """A segment of a path that is a name of the contract."""

    regex = NAME.pattern


def create_app(table: Table, services: Services, observer: Observer, origins: tuple[str, ...] = ()) -> Flask:
    """Make the application; pages of `origins` may read its replies (--cors-origin)."""
    app = Flask("inference.api", static_folder=None, template_folder=None)
    # As in the table, a path matches exactly: Flask would redirect `//version` to `/version`.
    app.url_map.merge_slashes = False
    app.url_map.converters["name"] = NameConverter
    respond = partial(_respond, origins)
    for number, (rule, route) in enumerate(table.flask_rules()):
        view = _view(route, services, respond)
        # Flask would answer OPTIONS by itself, otherwise than the table does.
        app.add_url_rule(
            rule, f"{number} {route.name}", view, methods=[route.method], provide_automatic_options=False
        )

    # Only what fails: the front answers a request that no route takes, from the same table.
    @app.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        return respond(error_reply(error, request.path))

    _observe(app, services, observer)
    return app


def _view(route: Route, services: Services, respond: Callable[[Reply], Response]) -> Callable[..., Response]:
    def view(**params: str) -> Response:
        g.route = route.name
        return respond(route.handle(services, _request(params)))

    return view


def _request(params: dict[str, str]) -> Request:
    """Return Flask's request as handlers get it; only what may have a body is read."""
    body = b"" if request.method in ("GET", "HEAD") else request.get_data(cache=False)
    headers = _headers(request.environ)
    query, client = request.environ.get("QUERY_STRING", ""), request.remote_addr or ""
    return Request(request.method, request.path, query, headers, body, client, params)


def _headers(environ: dict[str, str]) -> dict[str, str]:
    """Return the headers, their names in capitals with underscores."""
    headers = {key[5:]: value for key, value in environ.items() if key.startswith("HTTP_")}
    for key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(key):
            headers[key] = environ[key]
    return headers


def _respond(origins: tuple[str, ...], reply: Reply) -> Response:
    """Make Flask's response of a reply, compressed if the client asks for it."""
    g.reply = reply = compressed(reply, request.headers.get("Accept-Encoding"))
    response = Response(reply.body, reply.status, list(all_headers(reply)))
    if not reply.content_type:
        del response.headers["Content-Type"]  # Flask's default
    response.headers.extend(cors_headers(origins, request.headers.get("Origin")))
    return response


def _observe(app: Flask, services: Services, observer: Observer) -> None:
    @app.before_request
    def start() -> None:
        g.started = time.perf_counter_ns()
        g.model = services.registry.label((request.view_args or {}).get("model", ""))
        metrics.in_flight(g.model).inc()

    @app.after_request
    def record(response: Response) -> Response:
        route, reply = g.get("route", "unknown"), g.reply
        took = time.perf_counter_ns() - g.started
        identity, model = request.headers.get("X-Request-Id"), reply.model or g.model
        response.headers.extend(observer.answered(_asked, identity, route, model, reply, took))
        return response

    @app.teardown_request
    def end(_: BaseException | None) -> None:
        metrics.in_flight(g.model).dec()


def _asked() -> Asked:
    return Asked(request.method, request.path, request.remote_addr or "", request.headers.get("traceparent"))
