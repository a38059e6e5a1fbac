"""The admin port: liveness, readiness, metrics. Plain WSGI, since nothing here may wait for anything."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST

from inference.api.health import get_live, get_ready
from inference.api.replies import error_reply
from inference.api.route import Route
from inference.api.services import Services
from inference.api.table import Table
from inference.messages import Reply, Request, all_headers
from inference.observe.exposition import State, render

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def admin_routes(state: State, triton: bool) -> tuple[Route, ...]:
    """Return the routes of the admin port; `triton`: the metrics also have Triton's names."""

    def get_metrics(services: Services, request: Request) -> Reply:
        return Reply(render(state, triton), content_type=CONTENT_TYPE_LATEST)

    return (
        Route("GET", "/healthz", "healthz", get_live),
        Route("GET", "/readyz", "readyz", get_ready),
        Route("GET", "/metrics", "metrics", get_metrics),
    )


def make_admin(table: Table, services: Services) -> "WSGIApplication":
    """Make the WSGI application that answers by a table of routes which neither wait nor run a model."""

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        # PEP 3333: each character of the path stands for a byte.
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        reply = _reply(table, services, environ["REQUEST_METHOD"], path)
        status = HTTPStatus(reply.status)
        length = [] if status == HTTPStatus.NO_CONTENT else [("Content-Length", str(len(reply.body)))]
        start_response(f"{status.value} {status.phrase}", [*all_headers(reply), *length])
        return [reply.body]

    return application


def _reply(table: Table, services: Services, method: str, path: str) -> Reply:
    found = table.find(method, path)
    if isinstance(found, Reply):
        return found
    try:
        return found.route.handle(services, Request(method, path, "", {}, params=found.params))
    except Exception as error:
        return error_reply(error, path)
