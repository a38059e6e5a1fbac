"""Loading a server with wrk: it takes the least of the cores that it shares with what it measures."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import setup
from bench.targets import Request

_LUA = setup.HERE / "load"
_TIMEOUT = 30


@dataclass(frozen=True, slots=True)
class Load:
    """What one load has done: latencies in seconds; `failed` are errors of the socket and statuses >= 400."""

    requests: int
    seconds: float
    p50: float
    p99: float
    failed: int

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return max(0, self.requests - self.failed) / self.seconds


@dataclass(frozen=True, slots=True)
class Answer:
    """When one answer came (seconds since 1970), after how many seconds, and its status."""

    at: float
    latency: float
    status: int


class Loader:
    """wrk, ready to send a request to a server over some connections."""

    def __init__(self, port: int, request: Request, connections: int, work: Path) -> None:
        """Keep the request where wrk finds it."""
        self._wrk = setup.wrk()
        self._connections = connections
        self._work = work
        self._url = f"http://127.0.0.1:{port}{request.path}"
        body = work / "body"
        body.write_bytes(request.body)
        self._told = {
            "BENCH_BODY": str(body),
            "BENCH_HEADERS": "\n".join(f"{name}: {value}" for name, value in request.headers.items()),
            "BENCH_LUA": str(_LUA / "throughput.lua"),
            "BENCH_TRACE": str(work / "trace"),
        }

    def run(self, seconds: float) -> Load:
        """Load the server for so long."""
        with self._started("throughput.lua", 1, seconds) as process:
            return _read(process)

    @contextmanager
    def tracing(self, seconds: float) -> Iterator[list[Answer]]:
        """Load the server for so long meanwhile; the list is filled when the block is left."""
        for old in self._work.glob("trace.*"):
            old.unlink()
        answers: list[Answer] = []
        with self._started("trace.lua", self._connections, seconds) as process:
            yield answers
            load = _read(process)
        for file in self._work.glob("trace.*"):
            words = (line.split() for line in file.read_text().splitlines())
            answers += [Answer(float(at), float(latency), int(status)) for at, latency, status in words]
        answers.sort(key=lambda answer: answer.at)
        lost = load.failed - sum(answer.status >= 400 for answer in answers)
        end = answers[-1].at if answers else 0.0
        answers += [Answer(end, _TIMEOUT, 599)] * max(0, lost)

    @contextmanager
    def _started(self, script: str, threads: int, seconds: float) -> Iterator["subprocess.Popen[str]"]:
        words = [str(self._wrk.path), f"-t{threads}", f"-c{self._connections}", f"-d{round(seconds)}s"]
        words += ["--timeout", f"{_TIMEOUT}s", "--latency", "-s", str(_LUA / script), self._url]
        environment = setup.environment({**self._wrk.environment, **self._told})
        process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True)
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


def _read(process: "subprocess.Popen[str]") -> Load:
    text, _ = process.communicate(timeout=600)
    lines = [line for line in text.splitlines() if line.startswith("BENCH ")]
    if not lines:
        raise setup.Unavailable(f"wrk ended with {process.returncode}: {text.strip()[-300:]}")
    told: Mapping[str, float] = json.loads(lines[0].removeprefix("BENCH "))
    return Load(int(told["requests"]), told["seconds"], told["p50"], told["p99"], int(told["failed"]))
