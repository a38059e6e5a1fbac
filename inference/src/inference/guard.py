"""Ends a run on the I/O loop that takes too long, whatever was expected of it.

How long a model runs can depend on the values it gets, which no measurement of others foresees. A run is
asked to end by onnxruntime's `RunOptions.terminate`, which it looks at between two nodes of the graph.
"""

import threading
import time
from collections.abc import Mapping, Sequence

import onnxruntime

from inference.errors import BadRequest
from inference.model import Model
from inference.values import Array

LIMIT_SECONDS, LOOK_SECONDS = 0.05, 0.02
# After so many looks without a run the guard sleeps until the next one.
LOOKS = 50


class TooSlow(Exception):
    """The run was ended; the request is still to be answered, by a thread."""


class Guard:
    """Watches one run at a time, from a thread of its own."""

    def __init__(self) -> None:
        """Start the thread, which sleeps until there is a run."""
        self._running: tuple[float, onnxruntime.RunOptions] | None = None
        self._awake = threading.Event()
        threading.Thread(target=self._watch, name="guard", daemon=True).start()

    def run(self, model: Model, inputs: Mapping[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """Run a model; raises BadRequest as it does, and TooSlow if it was ended."""
        options = onnxruntime.RunOptions()
        self._running = (time.monotonic(), options)
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
                if running and time.monotonic() - running[0] > LIMIT_SECONDS:
                    running[1].terminate = True
