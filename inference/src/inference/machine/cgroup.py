"""The control groups that this process is in: where the kernel says how much CPU and memory it may use.

Sources: the kernel's documentation, `admin-guide/cgroup-v1/` and `admin-guide/cgroup-v2.rst`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """Where the kernel tells of control groups: the list of our own, and the mount with all of them."""

    membership: Path = Path("/proc/self/cgroup")
    mount: Path = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Group:
    """The directory of one control group, and the version (1 or 2) of the files in it. It may be absent."""

    directory: Path
    version: int


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory of a control group in bytes: its limit, and what of it cannot be reclaimed."""

    limit: int
    used: int


def groups(controller: str, place: Place) -> Iterator[Group]:
    """Yield our control group for a controller and all above it, since each of them may have a limit.

    A container may see its own group as the root of the mount, though its path says otherwise: so every
    part of the path is tried.
    """
    try:
        lines = place.membership.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            yield from (Group(directory, 2) for directory in _upwards(place.mount, path))
        elif controller in controllers.split(","):
            for name in sorted({controllers, controller}):
                yield from (Group(directory, 1) for directory in _upwards(place.mount / name, path))


def _upwards(root: Path, path: str) -> Iterator[Path]:
    parts = [part for part in path.split("/") if part not in ("", "..")]
    for end in range(len(parts), -1, -1):
        yield root.joinpath(*parts[:end])


def memory(place: Place) -> Memory | None:
    """Return the memory of the control group that has the least left; None if none has a limit.

    The page cache counts as free: the kernel takes it back before it kills. Files of a tmpfs do not.
    """
    found = (_memory(group) for group in groups("memory", place))
    limited = [memory for memory in found if memory]
    return min(limited, key=lambda memory: memory.limit - memory.used, default=None)


_V1_MEMORY = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_")
_V2_MEMORY = ("memory.max", "memory.current", "")
# Version 1 has no word for "no limit", only a number that no machine has.
_NO_LIMIT = 1 << 60


def _memory(group: Group) -> Memory | None:
    limit_file, used_file, prefix = _V2_MEMORY if group.version == 2 else _V1_MEMORY
    try:
        limit = int((group.directory / limit_file).read_text())
        used = int((group.directory / used_file).read_text())
        lines = (group.directory / "memory.stat").read_text().splitlines()
    except (OSError, ValueError):  # `max` is no number, and no limit
        return None
    if limit >= _NO_LIMIT:
        return None
    stat = {key: int(value) for key, value in map(str.split, lines)}
    cached = sum(stat.get(f"{prefix}{kind}_file", 0) for kind in ("active", "inactive"))
    return Memory(limit, max(0, used - cached))
