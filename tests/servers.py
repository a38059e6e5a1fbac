"""Starts the real `inference serve`, and talks to it over HTTP."""

import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

# Generous: a wait that is over earlier ends earlier.
DEADLINE_SECONDS = 60.0
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Read the body as JSON, which must not have words that JSON does not know."""
        return json.loads(self.body, parse_constant=_not_json)

    @property
    def error(self) -> str:
        """The sentence of an error, which must come as JSON."""
        assert self.headers["content-type"] == "application/json", self
        return str(self.json()["error"])


def _not_json(word: str) -> None:
    raise AssertionError(f"{word} is not JSON")


def eventually(condition: Callable[[], Any], what: str) -> Any:
    """Wait until a condition holds, and return what it says."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not in {DEADLINE_SECONDS} s: {what}"
        time.sleep(0.02)
    return value


def serve_command(volume: Path) -> list[str]:
    """The command line of a server that logs JSON; its ports are the caller's to add."""
    program = [sys.executable, "-m", "inference", "serve"]
    return [*program, "--volume", str(volume), "--log-format", "json"]


class Server:
    """A running `inference serve` on ports of its own."""

    def __init__(self, volume: Path, log: Path, *arguments: str, prefix: Sequence[str] = ()) -> None:
        """Start it, and wait until it listens; `prefix` is a command that runs it under some limit."""
        self.log = log
        command = [*prefix, *serve_command(volume)]
        ports = ["--host", "127.0.0.1", "--port", "0", "--admin-port", "0", "--drain-wait", "0"]
        with log.open("wb") as stream:
            self.process = subprocess.Popen([*command, *ports, *arguments], stderr=stream)
        listening = eventually(lambda: self.logged("listening") or self.process.poll(), "listening")
        assert isinstance(listening, list), self.log.read_text()
        self.port = int(listening[0]["port"])
        self.admin_port = int(listening[0]["admin_port"])

    def logged(self, message: str) -> list[dict[str, Any]]:
        """Return the log lines with a message; every line must be JSON."""
        lines = [line for line in self.log.read_text().splitlines(keepends=True) if line.endswith("\n")]
        return [entry for entry in map(json.loads, lines) if entry["message"] == message]

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
        port: int | None = None,
    ) -> Answer:
        """Send one request on a connection of its own, to the clients' port unless told otherwise."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=DEADLINE_SECONDS)
        try:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, names, response.read())
        finally:
            connection.close()

    def get(self, path: str, accept: str = "*/*") -> Answer:
        """GET a path of the clients' port."""
        return self.request("GET", path, headers={"Accept": accept})

    def admin(self, path: str) -> Answer:
        """GET a path of the admin port."""
        return self.request("GET", path, port=self.admin_port)

    def post(self, path: str, value: Any) -> Answer:
        """POST JSON."""
        return self.request("POST", path, json.dumps(value).encode(), JSON)

    def index(self, **query: Any) -> list[dict[str, str]]:
        """Return the repository index."""
        rows: list[dict[str, str]] = self.post("/v2/repository/index", query).json()
        return rows

    def wait_ready(self) -> "Server":
        """Wait until it should get traffic."""
        eventually(lambda: self.admin("/readyz").status == 200, "ready")
        return self

    def wait_version(self, version: str, model: str = "") -> None:
        """Wait until a version serves."""
        path = f"/version?model={model}"
        eventually(lambda: self.get(path).json().get("version") == version, f"{version} serves")

    def wait_refused(self, version: str) -> str:
        """Wait until a version is refused, and return why."""

        def reasons() -> list[str]:
            rows = self.index()
            return [
                row["reason"] for row in rows if row["version"] == version and row["state"] == "UNAVAILABLE"
            ]

        return str(eventually(reasons, f"{version} refused")[0])

    def metric(self, name: str) -> float:
        """Return the sum of a metric over all its labels."""
        lines = self.admin("/metrics").body.decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_SECONDS)

    def kill(self) -> None:
        """End it, however a test left it."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def tensor(name: str, datatype: str, shape: list[int], data: Any) -> dict[str, Any]:
    """Make an input of v2's JSON."""
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


def post_bytes(path: str, value: Any) -> bytes:
    """Make a POST of JSON as it goes over a connection that is kept."""
    body = json.dumps(value).encode()
    return b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (path.encode(), len(body), body)
