"""How many CPUs this process may use, and what follows for threads.

onnxruntime starts a thread for each core of the host. Under a CPU limit these fight for their share: with 16
threads on 2 CPUs it is 15 times slower. So the limit is read: CPU affinity and the quota of the control group
(kernel documentation, `scheduler/sched-bwc.rst`).
"""

import math
import os
from dataclasses import dataclass
from pathlib import Path

from inference.machine.cgroup import Group, Place, groups


@dataclass(frozen=True, slots=True)
class Budget:
    """What one worker may use: threads a run, and requests at once."""

    cpus: float
    threads: int
    concurrency: int


def budget(cpus: float, workers: int, threads: int | None, concurrency: int | None) -> Budget:
    """Share `cpus` among `workers`; None stands for auto."""
    share = cpus / workers
    return Budget(
        cpus=cpus,
        threads=threads or max(1, math.floor(share)),
        concurrency=concurrency or max(4, 2 * math.ceil(share)),
    )


def allowed_cpus() -> float:
    """Return the CPUs that this process may use, a fraction under a fractional quota."""
    return min(float(_affinity()), quota(Place()))


def _affinity() -> int:
    known = hasattr(os, "sched_getaffinity")  # not on a Mac
    return len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1


def quota(place: Place) -> float:
    """Return the CPU quota of the control group and of all above it; infinite if there is none."""
    return min(map(_quota, groups("cpu", place)), default=math.inf)


def _quota(group: Group) -> float:
    try:
        limit, period = _v2(group.directory) if group.version == 2 else _v1(group.directory)
    except (OSError, ValueError):  # `max` is no number, and no limit
        return math.inf
    return math.inf if limit <= 0 else limit / period


def _v2(directory: Path) -> tuple[int, int]:
    limit, period = (directory / "cpu.max").read_text().split()
    return int(limit), int(period)


def _v1(directory: Path) -> tuple[int, int]:
    limit, period = (int((directory / f"cpu.cfs_{name}_us").read_text()) for name in ("quota", "period"))
    return limit, period
