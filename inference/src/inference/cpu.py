"""How many CPUs this process may use, and what follows for threads.

onnxruntime starts a thread for each core of the host. Under a CPU limit these fight for their share: with 16
threads on 2 CPUs it is 15 times slower. So the limit is read: CPU affinity and the quota of the control group
(kernel documentation, `admin-guide/cgroup-v2.rst` and `scheduler/sched-bwc.rst`).
"""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Budget:
    """What one worker may use: threads a run, requests at once, and whether idle threads may spin."""

    cpus: float
    threads: int
    concurrency: int
    spinning: bool


def budget(cpus: float, workers: int, threads: int | None, concurrency: int | None) -> Budget:
    """Share `cpus` among `workers`; None stands for auto."""
    share = cpus / workers
    # A thread that spins burns a quota that another one needs: only whole CPUs of our own may spin.
    return Budget(
        cpus=cpus,
        threads=threads or max(1, math.floor(share)),
        concurrency=concurrency or max(4, 2 * math.ceil(share)),
        spinning=share >= 1 and share == math.floor(share),
    )


def allowed_cpus() -> float:
    """Return the CPUs that this process may use, a fraction under a fractional quota."""
    return min(float(_affinity()), quota(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")))


def _affinity() -> int:
    known = hasattr(os, "sched_getaffinity")  # not on a Mac
    return len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1


def quota(membership: Path, mount: Path) -> float:
    """Return the CPU quota of the control group and of all above it; infinite if there is none."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return math.inf
    return min((limit for line in lines for limit in _limits(line, mount)), default=math.inf)


def _limits(line: str, mount: Path) -> Iterator[float]:
    _, controllers, path = line.split(":", 2)
    if not controllers:
        yield from (_v2(group / "cpu.max") for group in _upwards(mount, path))
    elif "cpu" in controllers.split(","):
        for name in {controllers, "cpu"}:
            yield from (_v1(group) for group in _upwards(mount / name, path))


def _upwards(root: Path, path: str) -> Iterator[Path]:
    parts = [part for part in path.split("/") if part not in ("", "..")]
    for end in range(len(parts), -1, -1):
        yield root.joinpath(*parts[:end])


def _v2(file: Path) -> float:
    try:
        limit, period = file.read_text().split()
    except (OSError, ValueError):
        return math.inf
    return math.inf if limit == "max" else int(limit) / int(period)


def _v1(group: Path) -> float:
    try:
        limit = int((group / "cpu.cfs_quota_us").read_text())
        period = int((group / "cpu.cfs_period_us").read_text())
    except (OSError, ValueError):
        return math.inf
    return math.inf if limit <= 0 else limit / period
