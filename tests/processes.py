"""Processes, as /proc shows them."""

from pathlib import Path


def children(pid: int) -> list[int]:
    """Return the processes that any thread of a process has started."""
    found: list[int] = []
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(one) for one in file.read_text().split()]
        except OSError:  # the thread has ended
            continue
    return found


def descendants(pid: int) -> list[int]:
    """Return all processes below one."""
    own = children(pid)
    return [*own, *(one for child in own for one in descendants(child))]


def alive(pid: int) -> bool:
    """Return whether a process is there, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def command(pid: int) -> str:
    """Return the command line of a process, empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
