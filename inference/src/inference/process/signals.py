"""Signals set an event; the main thread decides."""

import logging
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import NoReturn


class Stop:
    """Set by SIGTERM or SIGINT; a second one ends the process at once, with 128 + its number.

    Handlers are set even where the default would do: as PID 1 of a container a process has no default.
    """

    def __init__(self, before_at_once: Callable[[], None] = lambda: None) -> None:
        """Take over both signals; must be called by the main thread."""
        self.event = threading.Event()
        self._before_at_once = before_at_once
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)

    def _handle(self, number: int, _: FrameType | None) -> None:
        if self.event.is_set():
            self._before_at_once()
            os._exit(128 + number)
        self.event.set()


def leave(code: int) -> NoReturn:
    """End the process now, with all its threads.

    onnxruntime would abort it if the interpreter took itself apart while a run or a load goes on.
    """
    logging.shutdown()
    os._exit(code)
