"""The admin port: liveness, readiness, metrics. Plain WSGI, since nothing here may wait for anything."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST

from inference.api.replies import json_reply
from inference.messages import Reply, error_body
from inference.models.registry import Registry
from inference.observe.exposition import State, render

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def make_admin(registry: Registry, state: State, triton: bool) -> "WSGIApplication":
    """Make the application of the admin port; `triton`: the metrics with its names, too."""
    routes: dict[str, Callable[[], Reply]] = {
        "/healthz": lambda: json_reply({"live": True}),
        "/readyz": lambda: readyz(registry),
        "/metrics": lambda: Reply(render(state, triton), content_type=CONTENT_TYPE_LATEST),
    }

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        reply = _answer(routes, environ["REQUEST_METHOD"], environ["PATH_INFO"])
        status = HTTPStatus(reply.status)
        headers = [("Content-Type", reply.content_type), ("Content-Length", str(len(reply.body)))]
        start_response(f"{status.value} {status.phrase}", [*headers, *reply.headers])
        return [reply.body]

    return application


def readyz(registry: Registry) -> Reply:
    """Say whether this process should get traffic; 503 says why not."""
    reason = registry.unready_reason()
    if reason is None:
        return json_reply({"ready": True})
    return json_reply({"ready": False, "error": reason}, HTTPStatus.SERVICE_UNAVAILABLE)


def _answer(routes: dict[str, Callable[[], Reply]], method: str, path: str) -> Reply:
    if path not in routes:
        message = f"{path}: no such path; there is {', '.join(routes)}"
        return Reply(error_body(message), HTTPStatus.NOT_FOUND)
    if method not in ("GET", "HEAD"):
        message = f"{path}: {method} is not allowed; use GET"
        return Reply(error_body(message), HTTPStatus.METHOD_NOT_ALLOWED, headers=(("Allow", "GET, HEAD"),))
    return routes[path]()
