"""Our server while the versions of its model change."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from bench.processes import Process, free_port, post, running, until
from bench.question import Question
from bench.setup import model
from bench.targets import Request, serve
from bench.volume import Volume


@dataclass(frozen=True, slots=True)
class Server:
    """A running server of one model, and how to swap it."""

    volume: Volume
    bundle: Path
    process: Process
    port: int
    request: Request

    def ask(self) -> bool:
        """Send the request once, and tell whether it was answered well."""
        url = f"http://127.0.0.1:{self.port}{self.request.path}"
        return post(url, self.request.headers, self.request.body) is not None

    def version(self) -> str:
        """The version that serves."""
        told = post(f"http://127.0.0.1:{self.port}/version", {}, None)
        return str(orjson.loads(told)["version"]) if told else ""

    def swap(self, number: int) -> None:
        """Bring version `number` and wait until it serves; the last but one goes from the volume."""
        name = f"v{number}"
        self.volume.add(name, self.bundle)
        self.volume.point(name)
        until(f"{name} serves", lambda: _slowly(self.version() == name), self.process)
        if number > 2:
            self.volume.remove(f"v{number - 2}")


def _slowly(done: bool) -> bool:
    """Wait a little before the next look: asking is work for the server too."""
    if not done:
        time.sleep(0.02)
    return done


@contextmanager
def serving(name: str, work: Path, raw: bool = False) -> Iterator[Server]:
    """Serve version `v1` of a model with our defaults."""
    bundle, volume, port = model(name), Volume(work / "volume"), free_port()
    volume.add("v1", bundle)
    volume.point("v1")
    request = Question.of(bundle).request("v2", raw)
    with running(serve(volume, port), work / "log") as process:
        server = Server(volume, bundle, process, port, request)
        until("it answers", server.ask, process)
        yield server
