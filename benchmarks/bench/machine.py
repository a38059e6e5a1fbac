"""Where and with what a run was made."""

import os
import platform
import subprocess
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from bench import setup
from bench.turns import Bench

_OURS = ("inference", "model-fetcher", "onnxruntime", "numpy", "flask", "waitress", "azure-storage-blob")


def machine(bench: Bench) -> Mapping[str, str]:
    """What a reader needs to judge the figures."""
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "machine": f"{_cpu()}, {len(os.sched_getaffinity(0))} cores, {_memory()} GiB, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}",
        "quiet": f"{_idle():.0%} of its CPU time was free in the second before the start",
        "commit": _commit(),
        "amount": f"{bench.rounds} rounds of {bench.seconds:g} s",
    }


def versions(bench: Bench) -> dict[str, str]:
    """The versions of our programs, of what they lean on, and of the peers."""
    found = {name: version(name) for name in _OURS}
    for peer in bench.peers:
        lock = (setup.HERE / "peers" / peer.directory / "requirements.txt").read_text().splitlines()
        wanted = {"rayserve": "ray", "triton": "nvidia-pytriton"}.get(peer.directory, peer.directory)
        found |= dict(line.split("==") for line in lock if line.startswith(f"{wanted}=="))
    return found


def _commit() -> str:
    words = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    done = subprocess.run(words, cwd=setup.ROOT, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def _idle() -> float:
    """The share of all cores that nobody uses, over a second, by /proc/stat."""
    before = _jiffies()
    time.sleep(1)
    spent = [after - old for after, old in zip(_jiffies(), before, strict=True)]
    return spent[3] / max(1, sum(spent))


def _jiffies() -> list[int]:
    return [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown CPU"
    )


def _memory() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
