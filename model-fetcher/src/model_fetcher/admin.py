"""The admin port: health, readiness, status, metrics, and `POST /sync`."""

import json
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from model_fetcher import status
from model_fetcher.errors import FetcherError
from model_fetcher.watch import Watcher

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


def serve(port: int, watchers: Sequence[Watcher]) -> ThreadingHTTPServer:
    """Answer on `port` (0: any free one) from threads of its own. Raises FetcherError if it is taken."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def _reply(self) -> None:
            # Read in full, so that closing the connection does not reset it under the answer.
            self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 1 << 20))
            code, kind, body = answer(self.command, self.path, watchers, time.time())
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = _reply

        def log_message(self, *_: object) -> None:
            """Probes come every few seconds; nobody wants to read of them."""

    try:
        server = ThreadingHTTPServer(("", port), Handler)
    except OSError as error:
        raise FetcherError(
            f"cannot listen on port {port}: {error.strerror}; choose another --admin-port"
        ) from error
    server.daemon_threads = True
    Thread(target=server.serve_forever, name="admin", daemon=True).start()
    return server
