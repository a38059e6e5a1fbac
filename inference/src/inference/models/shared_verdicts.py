"""Verdicts that workers share: one checks a version, the others wait for its verdict and read it.

<directory>/<key>.verdict    the verdict, as JSON
<directory>/<part>.checking  locked by the worker that checks a version whose key begins so
"""

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from inference.models.verdict import Verdict

# How often a worker that waits looks, in seconds.
LOOK_SECONDS = 0.05
# Verdicts that are kept: those of versions that are still being loaded, and more.
MOST_KEPT = 256
# Locks stay: one that is removed while a worker waits for it would lock nobody out. So there are few of them.
_PART = 3


@dataclass(frozen=True, slots=True)
class SharedVerdicts:
    """The verdicts in a directory that all workers of one server have, and nobody else."""

    directory: Path

    def get(self, key: str, check: Callable[[], Verdict], pause: Callable[[float], None]) -> Verdict:
        """Return the verdict of that key: another worker's, or else that of `check`.

        `pause` waits for some seconds; what it raises ends the wait.
        """
        path = self.directory / sha256(key.encode()).hexdigest()
        lock = os.open(self.directory / f"{path.name[:_PART]}.checking", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            while not _lock(lock):
                pause(LOOK_SECONDS)
            verdict = _read(path)
            if verdict is None:
                verdict = check()
                self._write(path, verdict)
            return verdict
        finally:
            os.close(lock)

    def _write(self, path: Path, verdict: Verdict) -> None:
        new = path.with_suffix(".new")
        new.write_bytes(verdict.dump())
        new.replace(path.with_suffix(".verdict"))
        newest = sorted(self.directory.glob("*.verdict"), key=_changed, reverse=True)
        for old in newest[MOST_KEPT:]:
            old.unlink(missing_ok=True)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(path: Path) -> Verdict | None:
    with suppress(OSError, ValueError, TypeError, LookupError):
        return Verdict.load(path.with_suffix(".verdict").read_bytes())
    return None


def _changed(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_mtime_ns
    return 0
