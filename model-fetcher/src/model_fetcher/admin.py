"""The admin port: health, readiness, status, metrics, and `POST /sync`."""

import json
import logging
import socket
import sys
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from model_fetcher import status
from model_fetcher.errors import FetcherError
from model_fetcher.watch import Watcher

log = logging.getLogger(__name__)
_JSON = "application/json"
_TEXT = "text/plain; version=0.0.4; charset=utf-8"

Reply = tuple[int, str, bytes]


def answer(method: str, path: str, watchers: Sequence[Watcher], now: float) -> Reply:
    """Status, content type and body for a request."""
    route = path.partition("?")[0]
    allowed = {"/healthz": "GET", "/readyz": "GET", "/status": "GET", "/metrics": "GET", "/sync": "POST"}
    if route not in allowed:
        return _json(404, {"error": f"no {route}: there are {', '.join(allowed)}"})
    if method != allowed[route]:
        return _json(405, {"error": f"{route} takes {allowed[route]}, not {method}"})
    if route == "/metrics":
        return 200, _TEXT, status.metrics(watchers)
    if route == "/status":
        return _json(200, status.status(watchers, now))
    if route == "/sync":
        return _json(202, {"syncing": [_woken(watcher) for watcher in watchers]})
    if route == "/healthz" or status.ready(watchers):
        return _json(200, {"status": "ok"})
    missing = [w for w in watchers if w.state.current is None]
    reasons = {w.delivery.model: w.state.last_error or "not yet on disk" for w in missing}
    return _json(503, {"error": "waiting for the first model", "models": reasons})


def _woken(watcher: Watcher) -> str:
    watcher.wake.set()
    return watcher.delivery.model


def _json(code: int, document: object) -> Reply:
    return code, _JSON, json.dumps(document).encode() + b"\n"


class _Server(ThreadingHTTPServer):
    """On every address, IPv4 and, where there is such a thing, IPv6."""

    daemon_threads = True
    address_family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET

    def server_bind(self) -> None:
        """See socketserver.TCPServer.server_bind."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def handle_error(self, request: object, client_address: object) -> None:
        """Log a request that failed; socketserver would print lines that are no log records."""
        error = sys.exc_info()[1]
        # A client that goes away is its own affair.
        level = logging.DEBUG if isinstance(error, OSError) else logging.ERROR
        log.log(level, "a request failed", extra={"client": str(client_address)}, exc_info=error)


def serve(port: int, watchers: Sequence[Watcher]) -> ThreadingHTTPServer:
    """Answer on `port` (0: any free one) from threads of its own. Raises FetcherError if it is taken."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def _reply(self) -> None:
            # Read in full, so that closing the connection does not reset it under the answer.
            length = self.headers.get("Content-Length", "")
            self.rfile.read(min(int(length), 1 << 20) if length.isdecimal() else 0)
            self._send(*answer(self.command, self.path, watchers, time.time()))

        def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
            # What http.server itself refuses is told as JSON like all else.
            self._send(*_json(code, {"error": message or explain or "refused"}))

        def _send(self, code: int, kind: str, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = _reply

        def log_message(self, *_: object) -> None:
            """Probes come every few seconds; nobody wants to read of them."""

    try:
        server = _Server(("", port), Handler)
    except OSError as error:
        raise FetcherError(
            f"cannot listen on port {port}: {error.strerror}; choose another --admin-port"
        ) from error
    Thread(target=server.serve_forever, name="admin", daemon=True).start()
    return server
