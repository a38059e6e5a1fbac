"""Ends a run on the I/O loop that takes too long, whatever was expected of it.

How long a model runs can depend on the values it gets, which no measurement of others foresees. A run is
asked to end by onnxruntime's `RunOptions.terminate`, which it looks at between two nodes of the graph.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import onnxruntime

from inference.errors import BadRequest
from inference.models.model import Model
from inference.protocol.values import Array

# By the CPU time of the thread: how long others had the CPU is not the model's fault. What waits for
# something else, such as a GPU, is ended by the clock.
CPU_SECONDS, CLOCK_SECONDS, LOOK_SECONDS = 0.05, 1.0, 0.02
# After so many looks without a run the guard sleeps until the next one.
LOOKS = 50


class TooSlow(Exception):
    """The run was ended; the request is still to be answered, by a thread."""


@dataclass(frozen=True, slots=True)
class Running:
    """A run: by what it can be ended, when it began, and what CPU time its thread had by then."""

    options: onnxruntime.RunOptions
    began: float
    thread: int
    cpu: float

    def too_long(self) -> bool:
        """Tell whether it is to be ended."""
        known = hasattr(time, "pthread_getcpuclockid")  # not on a Mac
        used = time.clock_gettime(time.pthread_getcpuclockid(self.thread)) - self.cpu if known else 0.0
        return used > CPU_SECONDS or time.monotonic() - self.began > CLOCK_SECONDS


class Guard:
    """Watches one run at a time, from a thread of its own."""

    def __init__(self) -> None:
        """Start the thread, which sleeps until there is a run."""
        self._running: Running | None = None
        self._awake = threading.Event()
        threading.Thread(target=self._watch, name="guard", daemon=True).start()

    def run(self, model: Model, inputs: Mapping[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """Run a model; raises BadRequest as it does, and TooSlow if it was ended."""
        options = onnxruntime.RunOptions()
        self._running = Running(options, time.monotonic(), threading.get_ident(), time.thread_time())
        if not self._awake.is_set():
            self._awake.set()
        try:
            return model.run(inputs, outputs, options)
        except BadRequest:
            if options.terminate:
                raise TooSlow from None
            raise
        finally:
            self._running = None

    def _watch(self) -> None:
        while self._awake.wait():
            self._awake.clear()
            for _ in range(LOOKS):
                time.sleep(LOOK_SECONDS)
                running = self._running
                if running and running.too_long():
                    running.options.terminate = True
