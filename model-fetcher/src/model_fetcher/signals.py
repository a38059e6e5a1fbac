"""Signals: one asks the program to stop, a second one ends it.

Python runs a signal's handler in the main thread, between any two of its instructions, also while that thread
holds a lock. A handler that needs the same lock then waits for ever, and `threading.Event.set` needs the lock
of `threading.Event.wait`. So these handlers do nothing. Before it runs a handler, CPython writes the signal's
number to a pipe (`signal.set_wakeup_fd`, C code that is async-signal-safe). A thread of ours reads the pipe,
and may lock, log and wait like any other thread.
"""

import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from types import FrameType

from model_fetcher.logs import flush

log = logging.getLogger("model_fetcher")

_ENDING = (signal.SIGTERM, signal.SIGINT)
# By default each of these ends a process.
_HARMLESS = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
HANDLED = (*_ENDING, *_HARMLESS, signal.SIGQUIT)
# A log that nobody reads must not delay an end "at once".
_FLUSH_SECONDS = 0.2


def _do_nothing(number: int, frame: FrameType | None) -> None:
    """Take no lock, whatever the main thread was doing."""


class Stop(threading.Event):
    """An event that SIGTERM or SIGINT sets. The next of them ends the process at once, with 128 + its number.

    SIGQUIT logs where each thread is. SIGHUP calls `hurry`. SIGUSR1, SIGUSR2, and SIGHUP without `hurry`, are
    logged and change nothing. Handlers are set even where the default would do: as PID 1 of a container, a
    process has no default.
    """

    def __init__(self, hurry: Callable[[], None] | None = None) -> None:
        """Handle the signals; must be called by the main thread.

        `hurry` runs in the thread that reads signals.
        """
        super().__init__()
        self._hurry = hurry
        receiver, self._sender = os.pipe()
        os.set_blocking(self._sender, False)
        signal.set_wakeup_fd(self._sender, warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, _do_nothing) for number in HANDLED}
        threading.Thread(target=self._follow, args=(receiver,), name="signals", daemon=True).start()

    def close(self) -> None:
        """Handle signals as before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(-1)
        os.close(self._sender)

    def _follow(self, receiver: int) -> None:
        while numbers := os.read(receiver, 64):
            for number in numbers:
                self._act(number)
        os.close(receiver)

    def _act(self, number: int) -> None:
        if number in _ENDING:
            if self.is_set():
                flush(_FLUSH_SECONDS)
                os._exit(128 + number)
            self.set()
        elif number == signal.SIGQUIT:
            log_stacks()
        elif number == signal.SIGHUP and self._hurry:
            self._hurry()
        else:
            log.info("signal ignored", extra={"signal": signal.Signals(number).name})


def log_stacks() -> None:
    """Log where each thread is, a record a thread, whatever the level of the log."""
    level = max(logging.INFO, log.getEffectiveLevel())
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, frame in sys._current_frames().items():
        stack = "".join(traceback.format_stack(frame))
        log.log(level, "thread", extra={"in_thread": names.get(ident, str(ident)), "stack": stack})
