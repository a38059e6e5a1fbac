"""Control groups with a limit, where this machine lets one be made."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from inference.machine.cgroup import Group, Place, groups
from servers import eventually


@contextmanager
def limited(mebibytes: int) -> Iterator[list[str]]:
    """Make a group below our own, and give the command that runs another in it; skips where it may not."""
    ours = next((group for group in groups("memory", Place()) if group.directory.is_dir()), None)
    if ours is None:
        pytest.skip("there is no control group for memory")
    group = Group(ours.directory / f"model-sidecar-{os.getpid()}", ours.version)
    try:
        group.directory.mkdir()
        limit = "memory.max" if group.version == 2 else "memory.limit_in_bytes"
        (group.directory / limit).write_text(str(mebibytes << 20))
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    try:
        yield ["sh", "-c", f'echo $$ > {group.directory}/cgroup.procs && exec "$@"', "sh"]
    finally:
        _remove(group.directory)


def _remove(directory: Path) -> None:
    """Remove a group once its last process, that of a check maybe, has ended with its server."""

    def removed() -> bool:
        try:
            directory.rmdir()
        except OSError:  # busy
            return False
        return True

    eventually(removed, f"{directory} is empty")
