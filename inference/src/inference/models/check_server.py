"""The process that forks one for each check of a version: `python -m inference.models.check_server`.

It has imported everything, and never loads a model itself. So it has no thread that a fork would lose, and a
fork takes milliseconds where the imports take a quarter of a second.

Its standard input is a socket. For each check it gets one byte there, and with it another socket, a line. The
line brings the task (a line of JSON) and takes the outcome (JSON). Closing the line ends its check; closing
standard input ends the process and all checks.
"""

import gc
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NoReturn

import orjson

from inference.errors import Refused
from inference.machine import process
from inference.models import gate
from inference.models.execution import find_libraries
from inference.models.verdict import OUT_OF_MEMORY, Limits, Outcome, Task, refused

# How often the memory and the time of a check are looked at.
LOOK_SECONDS = 0.01
# The most that a check may return, and how much of what it writes to stderr is kept.
MOST_OUTPUT, STDERR_KEPT = 16 << 20, 4096
# Address space that is reserved but not used: thread stacks, arenas, rounding up.
_RESERVED = 256 << 20
_CHUNK = 1 << 16
# For the other side to take an outcome.
_SEND_SECONDS = 5.0
# The descriptor of the pipe for the verdict, in the process of a check.
_VERDICT = 3


@dataclass(slots=True, eq=False)
class _Check:
    """A check that runs: its process, its line, and the pipes that it writes its verdict and errors to.

    `base` is what the process shared with this one at its start, `peak` what it took beyond that, in bytes.
    """

    pid: int
    line: socket.socket
    limits: Limits
    verdict: "_Pipe"
    stderr: "_Pipe"
    base: int
    began: float = field(default_factory=time.monotonic)
    over: str = ""
    peak: int = 0

    def kill(self, over: str) -> None:
        """End the process, because it exceeded a limit, or nobody waits for it any more."""
        if not self.over:
            self.over = over
            os.kill(self.pid, signal.SIGKILL)

    def look(self) -> None:
        """Kill the process if it exceeds a limit."""
        self.peak = max(self.peak, process.anonymous_of(self.pid) - self.base)
        if self.limits.memory is not None and self.peak > self.limits.memory:
            self.kill("memory")
        elif time.monotonic() - self.began > self.limits.seconds:
            self.kill("time")
        elif len(self.verdict.data) > MOST_OUTPUT:
            self.kill("output")

    def outcome(self, status: int) -> bytes:
        """Return how the check ended, as JSON."""
        verdict, stderr = (pipe.data.decode(errors="replace") for pipe in (self.verdict, self.stderr))
        outcome = Outcome(status, self.over, self.peak, stderr[-STDERR_KEPT:], verdict)
        return orjson.dumps(outcome)


@dataclass(slots=True, eq=False)
class _Pipe:
    """The end of a pipe that is read, and what came from it; of a long text only the end."""

    descriptor: int
    kept: int
    data: bytearray = field(default_factory=bytearray)

    def read(self) -> bool:
        """Read what is there; return False once there can be no more."""
        try:
            data = os.read(self.descriptor, _CHUNK)
        except BlockingIOError:
            return True
        self.data += data
        del self.data[: -self.kept]
        return bool(data)


def serve(control: socket.socket) -> None:
    """Check versions until the other side closes `control`."""
    # The process that uses this one gets the signals, and closes the socket when it ends.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    process.be_killed_first()
    process.write_no_core()
    # What was imported stays as it is, so that forks share its memory.
    gc.freeze()
    Server(control).run()


class Server:
    """Runs checks in processes of their own, and watches them. It has one thread."""

    def __init__(self, control: socket.socket) -> None:
        """Take checks from `control`."""
        self._control = control
        self._open = True
        self._checks: list[_Check] = []
        self._selector = selectors.DefaultSelector()
        self._read_by(control.fileno(), self._accept)
        ended, waker = os.pipe()
        for descriptor in (ended, waker):
            os.set_blocking(descriptor, False)
        # A process that ends wakes the loop: Python writes to this pipe for each signal that has a handler.
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        self._read_by(ended, lambda: os.read(ended, _CHUNK))

    def _read_by(self, descriptor: int, handle: Callable[[], object]) -> None:
        self._selector.register(descriptor, selectors.EVENT_READ, handle)

    def run(self) -> None:
        """Run until `control` is closed; then kill all checks."""
        while self._open:
            for key, _ in self._selector.select(LOOK_SECONDS if self._checks else None):
                key.data()
            for check in list(self._checks):
                check.look()
                pid, status = os.waitpid(check.pid, os.WNOHANG)
                if pid:
                    self._finish(check, os.waitstatus_to_exitcode(status))
        for check in self._checks:
            check.kill("end")

    def _accept(self) -> None:
        _, descriptors, _, _ = socket.recv_fds(self._control, 1, 1)
        if not descriptors:
            self._open = False
            return
        line = socket.socket(fileno=descriptors[0])
        with line.makefile("rb") as file:
            task = file.readline()
        if task:
            self._start(line, Task.load(task))

    def _start(self, line: socket.socket, task: Task) -> None:
        verdict, verdict_end = os.pipe()
        stderr, stderr_end = os.pipe()
        pid = os.fork()
        if not pid:
            _run(task, verdict_end, stderr_end)
        for descriptor in (verdict_end, stderr_end):
            os.close(descriptor)
        check = _Check(
            pid, line, task.limits, _Pipe(verdict, MOST_OUTPUT + 1), _Pipe(stderr, STDERR_KEPT),
            base=process.anonymous_of(os.getpid()),
        )  # fmt: skip
        self._checks.append(check)
        self._read_by(line.fileno(), lambda: self._hang_up(check))
        for pipe in (check.verdict, check.stderr):
            os.set_blocking(pipe.descriptor, False)
            self._read_by(pipe.descriptor, partial(self._read, pipe))

    def _read(self, pipe: _Pipe) -> None:
        if not pipe.read():
            self._selector.unregister(pipe.descriptor)

    def _hang_up(self, check: _Check) -> None:
        self._selector.unregister(check.line)
        check.kill("cancelled")

    def _finish(self, check: _Check, status: int) -> None:
        """Send the outcome of a check whose process has ended."""
        self._checks.remove(check)
        for pipe in (check.verdict, check.stderr):
            if pipe.descriptor in self._selector.get_map():
                while pipe.read() and len(pipe.data) < pipe.kept:
                    pass
                self._selector.unregister(pipe.descriptor)
            os.close(pipe.descriptor)
        if check.line in self._selector.get_map():
            self._selector.unregister(check.line)
            with suppress(OSError):
                check.line.settimeout(_SEND_SECONDS)
                check.line.sendall(check.outcome(status))
        check.line.close()


def _run(task: Task, verdict: int, stderr: int) -> NoReturn:
    """Check a version in the process that was forked for it, and write the verdict."""
    status = 1
    try:
        process.die_with_parent()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        # onnxruntime writes to stdout, too.
        for descriptor, number in ((os.open(os.devnull, os.O_RDONLY), 0), (stderr, 1), (stderr, 2)):
            os.dup2(descriptor, number)
        os.dup2(verdict, _VERDICT)
        os.closerange(_VERDICT + 1, 1 << 16)
        if task.limits.memory is not None:
            process.limit_data(task.limits.memory + task.limits.memory // 2 + task.limits.mapped + _RESERVED)
        find_libraries(task.execution.provider)
        status = _check(task)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _check(task: Task) -> int:
    base = process.anonymous_of(os.getpid())
    try:
        verdict = gate.check(task)
        # Samples from outside may miss a peak. The kernel does not, but it counts mapped weights, too.
        verdict = replace(verdict, peak=process.peak_anonymous() - base - task.limits.mapped)
    except Refused as refused_:
        verdict = refused(str(refused_))
    except MemoryError:
        return OUT_OF_MEMORY
    data = memoryview(verdict.dump())
    while data:
        data = data[os.write(_VERDICT, data) :]
    return 0


if __name__ == "__main__":
    # Not the names of this module: Python shows warnings, such as one about forks, if `__main__` causes them.
    from inference.models import check_server

    check_server.serve(socket.socket(fileno=sys.stdin.fileno()))
