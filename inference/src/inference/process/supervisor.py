"""Several server processes on one pair of ports. Each loads the models itself; none is forked.

A process that is forked from one with threads can hang, and onnxruntime has threads: each worker is started
afresh, and is given the listening sockets.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from prometheus_client.multiprocess import mark_process_dead

from inference.logs import fields, logger
from inference.observe import board
from inference.observe.metrics import MULTIPROCESS
from inference.process.signals import Stop
from inference.settings import Settings

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
# A worker that lived that long is started again without a pause.
SOUND_SECONDS = 60.0
# What a worker may take to end, beyond what it is told.
GRACE_SECONDS = 5.0
LOOK_SECONDS = 0.2


@dataclass(slots=True)
class Worker:
    """One worker: its process, when that started, and, if it has ended, when it is to be started again."""

    number: int
    process: "subprocess.Popen[bytes]"
    started: float
    due: float | None = None
    pause: float = 0.0

    def back_off(self, now: float) -> None:
        """Decide when to start again, at `now` in seconds of a monotonic clock."""
        sound = now - self.started > SOUND_SECONDS
        self.pause = 0.0 if sound else min(LONGEST_PAUSE, max(FIRST_PAUSE, self.pause * 2))
        self.due = now + self.pause


@dataclass(slots=True)
class Supervisor:
    """Keeps `settings.workers` processes running until a signal. `publics` has a socket for each of them."""

    settings: Settings
    given: Mapping[str, str | tuple[str, ...]]
    publics: list[socket.socket]
    admin: socket.socket
    workers: list[Worker] = field(default_factory=list)

    def run(self) -> int:
        """Run until SIGTERM or SIGINT; return 0 if all workers ended in order."""
        stop = Stop(at_once=self._kill, forward=self._forward)
        # A worker that is killed may still write there.
        with TemporaryDirectory(prefix="inference-metrics-", ignore_cleanup_errors=True) as metrics:
            os.environ[MULTIPROCESS] = metrics
            numbers = range(1, self.settings.workers + 1)
            for number in numbers:
                board.expect(Path(metrics), number)
            if not self._start(numbers):
                self._end()
                return 1
            while not stop.wait(LOOK_SECONDS):
                for worker in self.workers:
                    self._look_after(worker, time.monotonic(), metrics)
            return self._end()

    def _start(self, numbers: Iterable[int]) -> bool:
        for number in numbers:
            try:
                self.workers.append(Worker(number, self._spawn(number, again=False), time.monotonic()))
            except OSError as error:
                about = fields(worker=number, reason=str(error))
                logger.error("cannot start a worker: raise the limit of processes or of memory", extra=about)
                return False
        return True

    def _spawn(self, number: int, *, again: bool) -> "subprocess.Popen[bytes]":
        public = self.publics[number - 1]
        siblings = [sibling for sibling in self.publics if sibling is not public]
        sockets = [one.fileno() for one in (public, self.admin, *siblings)]
        told = {"given": self.given, "sockets": sockets, "number": number, "again": again}
        # Its standard input is a pipe that closes with us: a worker never outlives its supervisor. Its own
        # session keeps a terminal's Ctrl-C from reaching it beside the signal that we pass on.
        return subprocess.Popen(
            [sys.executable, "-m", "inference.process.worker", json.dumps(told)],
            pass_fds=sockets,
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def _look_after(self, worker: Worker, now: float, metrics: str) -> None:
        if worker.due is None and worker.process.poll() is not None:
            self._ended(worker, now, metrics)
        if worker.due is not None and now >= worker.due:
            self._start_again(worker, now)

    def _ended(self, worker: Worker, now: float, metrics: str) -> None:
        mark_process_dead(worker.process.pid, metrics)  # type: ignore[no-untyped-call]
        board.forget(Path(metrics), worker.process.pid)
        # The worker that replaces it accepts no connection before it is ready.
        board.arrive(Path(metrics), worker.number)
        worker.back_off(now)
        about = fields(worker=worker.number, status=worker.process.returncode, pause=worker.pause)
        logger.error("a worker ended; starting it again", extra=about)

    def _start_again(self, worker: Worker, now: float) -> None:
        try:
            process = self._spawn(worker.number, again=True)
        except OSError as error:  # no memory, no process: the others serve on
            worker.started = now
            worker.back_off(now)
            about = fields(worker=worker.number, reason=str(error), pause=worker.pause)
            logger.error("a worker cannot be started; trying again", extra=about)
            return
        worker.process, worker.started, worker.due = process, now, None

    def _end(self) -> int:
        # A worker that was dead already when the signal came is no disorder of the end.
        alive = [one for one in self.workers if one.due is None and one.process.poll() is None]
        for worker in alive:
            worker.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + self.settings.drain_wait + self.settings.drain_timeout + GRACE_SECONDS
        for worker in alive:
            try:
                worker.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                logger.error("a worker does not end; killing it", extra=fields(worker=worker.number))
                worker.process.kill()
                worker.process.wait()
        # SIGTERM ends a worker that has no handler for it yet, and so no request.
        return int(any(one.process.returncode not in (0, -signal.SIGTERM) for one in alive))

    def _kill(self) -> None:
        for worker in self.workers:
            worker.process.kill()

    def _forward(self, number: int) -> None:
        for worker in self.workers:
            worker.process.send_signal(number)
