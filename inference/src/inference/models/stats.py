"""How often a version ran and how long that took, as v2's statistics extension has it.

Source: `docs/protocol/extension_statistics.md` of github.com/triton-inference-server/server. The counts are
of this process, from the moment that it took the version into service.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from inference.errors import ApiError

# Clients choose the size of a batch: only so many different ones are listed, all of them are counted.
MAX_BATCH_SIZES = 64
LAPS = ("compute_input", "compute_infer", "compute_output")
TOTALS = ("success", "fail", "queue", *LAPS, "cache_hit", "cache_miss")


@dataclass(slots=True)
class Total:
    """How often something happened, and the nanoseconds that it took in all."""

    count: int = 0
    ns: int = 0

    def add(self, ns: int, times: int = 1) -> None:
        """Count once more, or `times` more, which took `ns` in all."""
        self.count += times
        self.ns += ns

    def describe(self) -> dict[str, int]:
        """Return the form that the extension has."""
        return {"count": self.count, "ns": self.ns}


@dataclass(slots=True)
class Timing:
    """The laps of one request, in nanoseconds, and how much work it was."""

    queue: int = 0
    started: int = field(default_factory=time.perf_counter_ns)
    laps: dict[str, int] = field(default_factory=dict)
    batch_size: int = 1
    executions: int = 1
    failed: bool = False
    took: int = 0

    def lap(self, name: str) -> None:
        """Say that a part of the work is done: it began when the one before ended."""
        now = time.perf_counter_ns()
        self.laps[name] = now - self.started - sum(self.laps.values())

    def end(self, *, failed: bool = False) -> None:
        """Say that the request is answered."""
        self.failed = failed
        self.took = self.queue + time.perf_counter_ns() - self.started


@dataclass(slots=True)
class Executed:
    """One run of the model, or `times` like it: its inferences, and the nanoseconds of the laps in all."""

    batch_size: int
    laps: dict[str, int]
    times: int = 1


class Stats:
    """The counts of one version; any thread may add to them."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._lock = threading.Lock()
        self._totals = {name: Total() for name in TOTALS}
        self._batches: dict[int, dict[str, Total]] = defaultdict(lambda: {lap: Total() for lap in LAPS})
        self._inferences = self._executions = self._last = 0

    @contextmanager
    def request(self, version: str, queue: int = 0) -> Iterator[Timing]:
        """Time the work on a request that waited `queue` ns; what fails of it is counted as failed.

        An ApiError that passes is told the version that it is about.
        """
        timing = Timing(queue)
        try:
            yield timing
        except BaseException as error:
            if isinstance(error, ApiError):
                error.version = version
            timing.end(failed=True)
            self.add([timing], [])
            raise
        timing.end()
        execution = Executed(timing.batch_size // timing.executions, timing.laps, timing.executions)
        self.add([timing], [execution])

    def add(self, requests: Iterable[Timing], executions: Iterable[Executed]) -> None:
        """Count requests that ended, and the runs of the model that they needed, and may have shared."""
        good: list[Timing] = []
        bad: list[Timing] = []
        for request in requests:
            (bad if request.failed else good).append(request)
        with self._lock:
            self._totals["fail"].add(sum([request.took for request in bad]), len(bad))
            if good:
                self._add_good(good)
            for execution in executions:
                self._add_execution(execution)

    def _add_good(self, requests: list[Timing]) -> None:
        count = len(requests)
        self._last = time.time_ns() // 1_000_000
        self._inferences += sum([request.batch_size for request in requests])
        self._totals["success"].add(sum([request.took for request in requests]), count)
        self._totals["queue"].add(sum([request.queue for request in requests]), count)
        for lap in LAPS:
            lasted = [request.laps[lap] for request in requests if lap in request.laps]
            self._totals[lap].add(sum(lasted), len(lasted))

    def _add_execution(self, execution: Executed) -> None:
        size = execution.batch_size
        self._executions += execution.times
        if size not in self._batches and len(self._batches) >= MAX_BATCH_SIZES:
            return
        for lap, lasted in execution.laps.items():
            self._batches[size][lap].add(lasted, execution.times)

    def describe(self, name: str, version: str) -> dict[str, object]:
        """Return one entry of the extension's `model_stats`."""
        with self._lock:
            return {
                "name": name,
                "version": version,
                "last_inference": self._last,
                "inference_count": self._inferences,
                "execution_count": self._executions,
                "inference_stats": {key: total.describe() for key, total in self._totals.items()},
                "batch_stats": [
                    {"batch_size": size, **{lap: total.describe() for lap, total in laps.items()}}
                    for size, laps in sorted(self._batches.items())
                ],
                "memory_usage": [],
            }
