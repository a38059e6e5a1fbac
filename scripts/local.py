"""The two programs side by side on one machine, as `make run`, `make publish` and `make demo` use them."""

import itertools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
TRAIN = ROOT / "examples/digits/train.py"
# A person reads along, whether at a terminal or in the log of a build.
ENVIRONMENT = {**os.environ, "MODEL_FETCHER_LOG_FORMAT": "text", "INFERENCE_LOG_FORMAT": "text"}


@dataclass(frozen=True, slots=True)
class Place:
    """A directory that holds all there is of one installation: the store and the volume."""

    directory: Path

    @property
    def source(self) -> str:
        """The model's root in the store, as `model-fetcher` takes it."""
        return (self.directory / "store/digits").as_uri()

    @property
    def volume(self) -> Path:
        """What the two programs share."""
        return self.directory / "volume"

    @property
    def published(self) -> bool:
        """Whether a first version is in the store."""
        return (self.directory / "store/digits/channels/stable.json").exists()


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the programs listen: the server for clients and for its keeper, and the fetcher."""

    http: int
    admin: int
    fetcher: int


def command(*words: str | Path) -> str:
    """Run one of our programs to its end and return what it printed.

    Raises SystemExit with its exit code when it fails: it has said why. It gets a process group of its own,
    so that Ctrl-C reaches it through us only.
    """
    program, *rest = words
    line = [BIN / program, *rest]
    done = subprocess.run(line, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, process_group=0)
    if done.returncode:
        raise SystemExit(done.returncode)
    return done.stdout.strip()


def publish(place: Place, seed: int, *options: str, broken: bool = False) -> str:
    """Train a model, publish it and return its version."""
    place.directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bundle-", dir=place.directory) as bundle:
        facts = command("python", TRAIN, bundle, "--seed", str(seed), *["--broken"] * broken)
        metadata = [word for fact in facts.splitlines() for word in ("--metadata", fact)]
        return command("model-fetcher", "publish", bundle, place.source, *metadata, *options).splitlines()[-1]


@contextmanager
def serving(place: Place, ports: Ports, log: IO[str] | None = None) -> Iterator[Callable[[], None]]:
    """Run both programs until the block is left; their log goes to `log`, by default the terminal.

    Yields a check that raises SystemExit when one of them has ended by itself.
    """
    place.volume.mkdir(parents=True, exist_ok=True)
    fetch = ["watch", place.source, "--volume", place.volume, "--interval", "2s"]
    fetch += ["--admin-port", ports.fetcher]
    fetch += ["--confirm-url", f"http://127.0.0.1:{ports.http}/v2/repository/index"]
    serve = ["serve", "--volume", place.volume, "--host", "127.0.0.1", "--drain-wait", "0s"]
    serve += ["--port", ports.http, "--admin-port", ports.admin]
    running: dict[str, subprocess.Popen[str]] = {}

    def check() -> None:
        for name, process in running.items():
            if process.poll() is not None:
                raise SystemExit(f"{name} ended by itself, with exit code {process.returncode}")

    try:
        for name, words in (("model-fetcher", fetch), ("inference", serve)):
            line = [str(BIN / name), *map(str, words)]
            running[name] = subprocess.Popen(
                line, env=ENVIRONMENT, stdout=log, stderr=log, text=True, process_group=0
            )
        until("the model is served", lambda: _answers(f"http://127.0.0.1:{ports.admin}/readyz"), check)
        yield check
    finally:
        _end(running)


def _end(running: dict[str, subprocess.Popen[str]]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C would leave an orphan
    for process in running.values():
        process.terminate()
    for name, process in running.items():
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            raise SystemExit(f"{name} did not end within 30 seconds of SIGTERM, and was killed") from None
    signal.signal(signal.SIGINT, signal.default_int_handler)


def until(what: str, happens: Callable[[], bool], check: Callable[[], None], seconds: float = 60) -> None:
    """Wait until `happens`, calling `check` meanwhile; raises SystemExit when it takes too long."""
    deadline = time.monotonic() + seconds
    while not happens():
        check()
        if time.monotonic() > deadline:
            raise SystemExit(f"waited {seconds:g} seconds in vain until {what}")
        time.sleep(0.1)


def ask(url: str, body: object = None) -> Any:
    """GET a URL, or POST `body` as JSON to it, and return the JSON that comes back."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def is_free(port: int) -> bool:
    """Whether a program could listen on this port of 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports() -> Ports:
    """Three ports that are free at this moment, below those that a system gives to clients."""
    chosen = (port for port in random.sample(range(10_000, 30_000), 1000) if is_free(port))
    return Ports(*itertools.islice(chosen, 3))
