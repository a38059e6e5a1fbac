"""The side of the server: starts the process of `inference.models.check_server`, and talks to it."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import orjson

from inference.models import check_server
from inference.models.verdict import Outcome, Task

COMMAND = (sys.executable, "-m", "inference.models.check_server")
# How long the process stays without a check: it has some memory of its own.
IDLE_SECONDS = 60.0
# What the process may take to report beyond the time of a check.
GRACE_SECONDS = 30.0
_CHUNK = 1 << 16
# How long the process may take to end, and how often that is looked at.
END_SECONDS, _LOOK_SECONDS = 2.0, 0.005


class CheckServer:
    """Starts the process that checks versions when there is a check, and ends it after a while without one.

    Any thread may call it. `command` runs a program that behaves as `inference.models.check_server` does.
    """

    def __init__(self, command: Sequence[str] = COMMAND, idle: float = IDLE_SECONDS) -> None:
        """Start nothing yet."""
        self._command = command
        self._idle = idle
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        # The process: a number if it was forked.
        self._process: subprocess.Popen[bytes] | int | None = None
        self._lines = 0
        self._timer: threading.Timer | None = None
        self._stopped = False

    def fork(self) -> None:
        """Start the process as a fork of this one, without imports. This one must have no threads yet."""
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if not pid:
            try:
                os.setsid()
                ours.close()
                check_server.serve(theirs)
            finally:
                os._exit(0)
        theirs.close()
        self._control, self._process = ours, pid

    def open(self, task: Task) -> "Line":
        """Start a check, and return its line. Raises OSError if no process can be started."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                ours.sendall(task.dump())
                with self._lock:
                    self._hand_over(theirs)
            except OSError:
                ours.close()
                raise
        return Line(ours, self._closed)

    def stop(self) -> None:
        """End the process and all checks. No check can be started any more."""
        with self._lock:
            self._stopped = True
            if self._timer:
                self._timer.cancel()
            self._end()

    def _hand_over(self, line: socket.socket) -> None:
        """Give a line to the process: to a new one if there is none, or it has ended."""
        if self._stopped:
            raise OSError("the server stops")
        if self._timer:
            self._timer.cancel()
        try:
            self._send(line)
        except ConnectionError:
            self._end()
            self._send(line)
        self._lines += 1

    def _send(self, line: socket.socket) -> None:
        if self._control is None:
            self._control = self._start()
        socket.send_fds(self._control, [b"\n"], [line.fileno()])

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = subprocess.Popen(
                    self._command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, start_new_session=True
                )
        except OSError:
            ours.close()
            raise
        return ours

    def _closed(self) -> None:
        with self._lock:
            self._lines -= 1
            if not self._lines and not self._stopped:
                self._timer = threading.Timer(self._idle, self._end_if_idle)
                self._timer.daemon = True
                self._timer.start()

    def _end_if_idle(self) -> None:
        with self._lock:
            if not self._lines:
                self._end()

    def _end(self) -> None:
        """Close the socket, at which the process ends, and kill it if it does not."""
        if self._control:
            self._control.close()
        process, self._control, self._process = self._process, None, None
        if isinstance(process, int):
            _wait_forked(process)
        elif process:
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_forked(pid: int) -> None:
    for _ in range(round(END_SECONDS / _LOOK_SECONDS)):
        if os.waitpid(pid, os.WNOHANG) != (0, 0):
            return
        time.sleep(_LOOK_SECONDS)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """The connection to a check that runs. `closed` is called once it is closed."""

    socket: socket.socket
    closed: Callable[[], None]

    def outcome(self, seconds: float) -> Outcome | None:
        """Wait for the outcome; None if the process ended without one, is stuck, or the line was shut."""
        data = bytearray()
        self.socket.settimeout(seconds + GRACE_SECONDS)
        with suppress(OSError, ValueError, TypeError):
            while part := self.socket.recv(_CHUNK):
                data += part
            return Outcome(**orjson.loads(data))
        return None

    def shut(self) -> None:
        """End the check: another thread that waits for its outcome gets None."""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End the check, if it has not ended, and free the line."""
        self.socket.close()
        self.closed()
