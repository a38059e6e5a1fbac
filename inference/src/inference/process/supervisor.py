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
from collections.abc import Mapping
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
    """One worker: its process, when that started, and when it is to be started again."""

    number: int
    process: "subprocess.Popen[bytes]"
    started: float
    due: float | None = None
    pause: float = 0.0


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
        stop = Stop(before_at_once=self._kill)
        with TemporaryDirectory(prefix="inference-metrics-") as metrics:
            os.environ[MULTIPROCESS] = metrics
            numbers = range(1, self.settings.workers + 1)
            for number in numbers:
                board.expect(Path(metrics), number)
            for number in numbers:
                self.workers.append(Worker(number, self._spawn(number, again=False), time.monotonic()))
            while not stop.event.wait(LOOK_SECONDS):
                for worker in self.workers:
                    self._look_after(worker, time.monotonic(), metrics)
            return self._end()

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
        if worker.process.poll() is None:
            return
        if worker.due is None:
            mark_process_dead(worker.process.pid, metrics)  # type: ignore[no-untyped-call]
            board.forget(Path(metrics), worker.process.pid)
            # The one that comes in its place takes no connection before it is ready.
            board.arrive(Path(metrics), worker.number)
            sound = now - worker.started > SOUND_SECONDS
            worker.pause = 0.0 if sound else min(LONGEST_PAUSE, max(FIRST_PAUSE, worker.pause * 2))
            worker.due = now + worker.pause
            told = fields(worker=worker.number, status=worker.process.returncode, pause=worker.pause)
            logger.error("a worker ended; starting it again", extra=told)
        if now >= worker.due:
            worker.process, worker.started, worker.due = self._spawn(worker.number, again=True), now, None

    def _end(self) -> int:
        for worker in self.workers:
            worker.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + self.settings.drain_wait + self.settings.drain_timeout + GRACE_SECONDS
        for worker in self.workers:
            try:
                worker.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                logger.error("a worker does not end; killing it", extra=fields(worker=worker.number))
                worker.process.kill()
                worker.process.wait()
        # A worker that was dead already when the signal came is no disorder of the end.
        return int(any(worker.process.returncode for worker in self.workers if worker.due is None))

    def _kill(self) -> None:
        for worker in self.workers:
            worker.process.kill()
