"""Starting, watching and ending what is measured. Reads /proc, so the bench needs Linux."""

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.setup import Unavailable

_END_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Command:
    """A command line with all of its environment."""

    words: tuple[str, ...]
    environment: Mapping[str, str]
    directory: Path | None = None


class Process:
    """A running program and all that it has started."""

    def __init__(self, command: Command, log: Path) -> None:
        """Start it; what it prints goes to `log`."""
        self.log = log
        with log.open("wb") as stream:
            self._process = subprocess.Popen(
                command.words,
                env=dict(command.environment),
                cwd=command.directory,
                stdout=stream,
                stderr=stream,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The number of the program itself."""
        return self._process.pid

    def family(self) -> list[int]:
        """The program and all below it."""
        found, parents = [self.pid], _children()
        for pid in found:
            found += parents.get(pid, [])
        return found

    def memory(self, field: str = "VmRSS") -> float:
        """MiB of the whole family, by a field of /proc/PID/status."""
        return sum(_status(pid, field) for pid in self.family()) / 1024

    def check(self) -> None:
        """Raise Unavailable if it has ended by itself."""
        if self._process.poll() is not None:
            raise Unavailable(f"It ended with exit code {self._process.returncode}: {self.last_words()}")

    def last_words(self) -> str:
        """The end of its log, on one line."""
        return f"… {' '.join(self.log.read_text(errors='replace').split())[-300:]}"

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program itself."""
        self._process.send_signal(number)

    def end(self) -> None:
        """End the program as its operator would, then kill what is left of its family."""
        family = self.family()
        self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pid in family[1:]:
            _kill(pid)


@contextmanager
def running(command: Command, log: Path) -> Iterator[Process]:
    """Run a program while the block lasts."""
    process = Process(command, log)
    try:
        yield process
    finally:
        process.end()


def until(what: str, happens: Callable[[], bool], process: Process, seconds: float = 120) -> float:
    """Wait until `happens`, and return time.time() then; raises Unavailable if it does not, or if it ends."""
    deadline = time.monotonic() + seconds
    while not happens():
        process.check()
        if time.monotonic() > deadline:
            raise Unavailable(f"Waited {seconds:g} s in vain until {what}: {process.last_words()}")
        time.sleep(0.005)
    return time.time()


def post(url: str, headers: Mapping[str, str], body: bytes | None) -> bytes | None:
    """POST once (GET without a body), and return what came back; None while there is no good answer."""
    request = urllib.request.Request(url, body, dict(headers))
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return bytes(response.read())
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None


def free_port() -> int:
    """A port of 127.0.0.1 that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            found.setdefault(int(_status(int(entry.name), "PPid")), []).append(int(entry.name))
    return found


def _status(pid: int, field: str) -> float:
    """A number of /proc/PID/status; 0 if the process has gone, or has no such field."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((float(line.split()[1]) for line in lines if line.startswith(f"{field}:")), 0)


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
