"""Ends runs of models that take too long, or whose clients have all left.

How long a model runs can depend on the values it gets, which no measurement of others foresees: a loop in
its graph may never end. A run is asked to end by onnxruntime's `RunOptions.terminate`, which it looks at
between two nodes of the graph, those of subgraphs included.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import onnxruntime

from inference.errors import BadRequest, Unavailable
from inference.models.model import Model
from inference.protocol.values import Array
from inference.serving.call import Call

# On the I/O loop it is the CPU time of the thread that counts: how long others had the CPU is not the model's
# fault. What waits for something else, such as a GPU, is ended by the clock.
LOOP_CPU_SECONDS, LOOP_SECONDS, LOOK_SECONDS = 0.05, 1.0, 0.02
# After so many looks without a run the watch sleeps until the next one.
LOOKS = 50


class TooSlow(Exception):
    """The run was taken off the I/O loop; the request is still to be answered, by a thread."""


class Left(Exception):
    """All clients of the run have left: there is nobody to answer."""


@dataclass(slots=True, eq=False)
class Running:
    """A run for some calls: when it began, and, on the I/O loop, the CPU time that its thread had by then."""

    calls: Sequence[Call]
    seconds: float
    thread: int | None = None
    began: float = field(default_factory=time.monotonic)
    cpu: float = field(default_factory=time.thread_time)
    options: onnxruntime.RunOptions = field(default_factory=onnxruntime.RunOptions)

    def over(self) -> bool:
        """Return whether the run is to be ended."""
        if time.monotonic() - self.began > self.seconds:
            return True
        if self.thread is None:
            return all(call.left for call in self.calls)
        known = hasattr(time, "pthread_getcpuclockid")  # not on a Mac
        used = time.clock_gettime(time.pthread_getcpuclockid(self.thread)) - self.cpu if known else 0.0
        return used > LOOP_CPU_SECONDS


class Watch:
    """Watches all runs, from a thread of its own."""

    def __init__(self, run_timeout: float) -> None:
        """Start the thread, which sleeps until there is a run; `run_timeout` is in seconds."""
        self._run_timeout = run_timeout
        self._running: set[Running] = set()
        self._awake = threading.Event()
        threading.Thread(target=self._watch, name="deadlines", daemon=True).start()

    def on_loop(self, calls: Sequence[Call]) -> "Runs":
        """Return what runs a model on the I/O loop: raises TooSlow after 50 ms of CPU time."""
        return Runs(self, Running(calls, LOOP_SECONDS, threading.get_ident()))

    def on_thread(self, calls: Sequence[Call]) -> "Runs":
        """Return what runs a model on a thread: raises RunTimeout, or Left without clients."""
        return Runs(self, Running(calls, self._run_timeout))

    def add(self, running: Running) -> None:
        """Watch a run."""
        self._running.add(running)
        if not self._awake.is_set():
            self._awake.set()

    def remove(self, running: Running) -> None:
        """Watch a run no longer."""
        self._running.discard(running)

    def _watch(self) -> None:
        while self._awake.wait():
            self._awake.clear()
            for _ in range(LOOKS):
                time.sleep(LOOK_SECONDS)
                running = list(self._running)
                for one in running:
                    if one.over():
                        one.options.terminate = True
                if running:
                    self._awake.set()


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs a model for some calls, all runs together within their time."""

    watch: Watch
    running: Running

    def __call__(self, model: Model, inputs: Mapping[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """Run a model; raises BadRequest as it does, and TooSlow, Left or Unavailable if it was ended."""
        running = self.running
        self.watch.add(running)
        try:
            return model.run(inputs, outputs, running.options)
        except BadRequest:
            if running.options.terminate:
                raise self._ended() from None
            raise
        finally:
            self.watch.remove(running)

    def _ended(self) -> Exception:
        if self.running.thread is not None:
            return TooSlow()
        if all(call.left for call in self.running.calls):
            return Left()
        return RunTimeout(f"the run took longer than {self.running.seconds:g} s (--run-timeout)")


class RunTimeout(Unavailable):
    """The run took longer than --run-timeout (503)."""
