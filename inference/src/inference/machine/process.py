"""What the kernel does with this process: when it kills it, and how much memory it lets it have."""

import ctypes
import resource
import signal
from collections.abc import Callable
from pathlib import Path

# Of <sys/prctl.h>.
_PR_SET_PDEATHSIG = 1
_PAGE = resource.getpagesize()
_MEMINFO = Path("/proc/meminfo")


def _find_prctl() -> Callable[[int, int], int] | None:
    try:
        prctl = ctypes.CDLL(None).prctl
    except (OSError, AttributeError):  # not on a Mac
        return None
    return lambda option, value: int(prctl(option, ctypes.c_ulong(value)))


_prctl = _find_prctl()


def die_with_parent() -> None:
    """Let the kernel kill this process when the thread that forked it has ended."""
    if _prctl:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def be_killed_first() -> None:
    """Let the kernel kill this process before any other of its control group when memory runs out."""
    try:
        Path("/proc/self/oom_score_adj").write_text("1000")
    except OSError:  # not on a Mac
        return


def limit_data(size: int) -> None:
    """Let the process take at most `size` bytes more of memory that is its own, used or only reserved."""
    limit = _data() + size
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def write_no_core() -> None:
    """Leave no file behind when the process crashes."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _data() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[5]) * _PAGE
    except OSError:
        return 0


def anonymous_of(pid: int) -> int:
    """Return the bytes of a process in RAM that no file backs; 0 if there is no such process."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            _, resident, shared, *_ = map(int, file.read().split())
    except (OSError, ValueError):
        return 0
    return (resident - shared) * _PAGE


def peak_anonymous() -> int:
    """Return the most bytes in RAM that this process had and no file backs; 0 if that is unknown.

    The kernel keeps the peak of all memory only. What files back at the moment is taken from that.
    """
    try:
        peak, *backed = _bytes(Path("/proc/self/status"), "VmHWM", "RssFile", "RssShmem")
    except (OSError, ValueError, LookupError):
        return 0
    return max(0, peak - sum(backed))


def available(meminfo: Path = _MEMINFO) -> int | None:
    """Return the bytes of memory that the machine can give without swapping; None if it does not report."""
    try:
        (size,) = _bytes(meminfo, "MemAvailable")
    except (OSError, ValueError, LookupError):
        return None
    return size


def _bytes(file: Path, *keys: str) -> list[int]:
    """Return sizes from a file of the kernel's with a `key: kibibytes kB` a line."""
    lines = dict(line.split(":", 1) for line in file.read_text().splitlines())
    return [int(lines[key].split()[0]) << 10 for key in keys]
