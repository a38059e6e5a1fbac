"""How often a version ran and how long that took, as v2's statistics extension has it.

Source: `docs/protocol/extension_statistics.md` of github.com/triton-inference-server/server. The counts are
of this process, from the moment that it took the version into service.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
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

    def add(self, ns: int) -> None:
        """Count once more."""
        self.count += 1
        self.ns += ns

    def describe(self) -> dict[str, int]:
        """Return the form that the extension has."""
        return {"count": self.count, "ns": self.ns}


@dataclass(slots=True)
class Timing:
    """The laps of one request, in nanoseconds, and how much work it was."""

    queue: int
    at: int
    laps: dict[str, int] = field(default_factory=dict)
    batch_size: int = 1
    executions: int = 1

    def lap(self, name: str) -> None:
        """Say that a part of the work is done."""
        now = time.perf_counter_ns()
        self.laps[name] = now - self.at
        self.at = now


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
        started = time.perf_counter_ns()
        timing = Timing(queue, started)
        try:
            yield timing
        except BaseException as error:
            if isinstance(error, ApiError):
                error.version = version
            with self._lock:
                self._totals["fail"].add(queue + time.perf_counter_ns() - started)
            raise
        self._add(timing, queue + time.perf_counter_ns() - started)

    def _add(self, timing: Timing, ns: int) -> None:
        size = timing.batch_size
        with self._lock:
            self._last = time.time_ns() // 1_000_000
            self._inferences += size
            self._executions += timing.executions
            self._totals["success"].add(ns)
            self._totals["queue"].add(timing.queue)
            listed = size in self._batches or len(self._batches) < MAX_BATCH_SIZES
            for lap, lasted in timing.laps.items():
                self._totals[lap].add(lasted)
                if listed:
                    self._batches[size][lap].add(lasted)

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
