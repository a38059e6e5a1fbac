"""Checks of versions, each beside the loader: started, waited for, cancelled, and shared among workers."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from inference.logs import logger
from inference.models.check_client import CheckServer, Line
from inference.models.shared_verdicts import SharedVerdicts
from inference.models.verdict import Task, Verdict, refused, verdict_of

# A process that cannot be started, or is killed, is tried again so often, after so many seconds.
TRIES, PAUSE_SECONDS = 3, 1.0


class Cancelled(Exception):
    """Nobody waits for the check any more."""


class Running(Protocol):
    """A check that was started."""

    def cancel(self) -> None:
        """End it; its verdict is not reported."""


class Checker(Protocol):
    """Checks versions."""

    def start(self, key: str, task: Task, done: Callable[[Verdict], None]) -> Running:
        """Start a check, whose verdict another thread reports by `done`; `key` names the version."""

    def stop(self) -> None:
        """End all checks."""


@dataclass(frozen=True, slots=True)
class Checks:
    """Checks versions in the processes of `server`; of several workers one does, if `shared` is given."""

    server: CheckServer
    shared: SharedVerdicts | None = None

    def start(self, key: str, task: Task, done: Callable[[Verdict], None]) -> "Check":
        """Start a check in a thread, which calls `done` unless it is cancelled."""
        check = Check(self.server, task)

        def run() -> None:
            verdict = check.report(key, self.shared)
            if verdict:
                done(verdict)

        threading.Thread(target=run, name="check", daemon=True).start()
        return check

    def stop(self) -> None:
        """End all checks, and the process that runs them."""
        self.server.stop()


@dataclass(slots=True, eq=False)
class Check:
    """One check. `run` waits for its verdict; any thread may cancel it."""

    server: CheckServer
    task: Task
    _cancelled: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _line: Line | None = None

    def report(self, key: str, shared: SharedVerdicts | None) -> Verdict | None:
        """Run it, or wait for another worker that does; return None if it was cancelled."""
        try:
            return shared.get(key, self.run, self._pause) if shared else self.run()
        except Cancelled:
            return None
        except Exception as error:
            logger.exception("a check failed")
            return refused(f"its check failed: {type(error).__name__}: {error}")

    def run(self) -> Verdict:
        """Check the version; raises Cancelled."""
        reason = ""
        for attempt in range(TRIES):
            if attempt:
                self._pause(PAUSE_SECONDS)
            try:
                outcome = self._connect().outcome(self.task.limits.seconds)
            except OSError as error:
                reason = f"its check cannot be started: {error}; give the server more processes or memory"
                continue
            finally:
                self._disconnect()
            if outcome:
                return verdict_of(outcome, self.task.limits)
            reason = "the process that checks it was killed; give the server more memory"
        return refused(reason)

    def cancel(self) -> None:
        """End it; `run` raises Cancelled, and its process is killed."""
        with self._lock:
            self._cancelled.set()
            if self._line:
                self._line.shut()

    def _pause(self, seconds: float) -> None:
        if self._cancelled.wait(seconds):
            raise Cancelled

    def _connect(self) -> Line:
        with self._lock:
            self._raise_if_cancelled()
            self._line = self.server.open(self.task)
            return self._line

    def _disconnect(self) -> None:
        with self._lock:
            if self._line:
                self._line.close()
                self._line = None
            self._raise_if_cancelled()

    def _raise_if_cancelled(self) -> None:
        if self._cancelled.is_set():
            raise Cancelled
