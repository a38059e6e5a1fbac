"""Optimised copies of models on a scratch directory; `inference.models.optimise` says what they are.

<cache>/<model>/<key>/      a copy: complete and on the disk before it gets its name, never written again
<cache>/<model>/<key>/made.json   size and time of each file: what differs was damaged
<cache>/<model>/.making/    one that is being made
<cache>/.lock               held by who makes one: of several workers, one does
"""

import fcntl
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import onnxruntime
import orjson

from inference.logs import fields, logger
from inference.models.model import MODEL_FILE
from inference.models.room import weigh
from inference.models.volume import Target, digest

# Below, a copy saves less than a few hundredths of a second and as many MiB; docs/memory.md has the figures.
LEAST_BYTES = 16 << 20
_FORMAT = 1
# The copy has the weights as they were, and packed.
_COPY_BY_MODEL = 2.1
_MADE, _MAKING, _LOCK = "made.json", ".making", ".lock"


@dataclass(slots=True)
class Copies:
    """The copies below `root`, of at most `size` bytes. Nothing here raises: the log says what fails."""

    root: Path
    size: int
    _process: "subprocess.Popen[str] | None" = field(default=None)

    def find(self, name: str, target: Target) -> Path | None:
        """Return the model file of a version's copy, if there is one and it is as it was made."""
        copy = self._place(name, target)
        if not copy.is_dir():
            return None
        try:
            made = orjson.loads((copy / _MADE).read_bytes())
            sound = made == _state(copy)
        except (OSError, ValueError):
            sound = False
        if not sound:
            self.discard(name, target, "it is not as it was made")
        return copy / MODEL_FILE if sound else None

    def discard(self, name: str, target: Target, reason: str) -> None:
        """Remove the copy of a version."""
        told = fields(model=name, version=target.version, reason=reason)
        logger.warning("an optimised copy is removed; the original serves", extra=told)
        shutil.rmtree(self._place(name, target), ignore_errors=True)

    def forget(self, name: str) -> None:
        """Remove all copies of a model."""
        shutil.rmtree(self.root / name, ignore_errors=True)

    def start(self, name: str, target: Target, done: Callable[[], None]) -> None:
        """Make the copy of a version in another thread, which calls `done` once it is there."""

        def run() -> None:
            if self.make(name, target):
                done()

        threading.Thread(target=run, name="copies", daemon=True).start()

    def make(self, name: str, target: Target) -> bool:
        """Make the copy of a version, unless it is there; tell whether it is."""
        try:
            reason = self._make(name, target)
        except OSError as error:
            reason = str(error)
        if reason is not None:
            told = fields(model=name, version=target.version, reason=reason)
            logger.warning("cannot make an optimised copy; the original serves on", extra=told)
        return reason is None

    def stop(self) -> None:
        """End what is being made."""
        if self._process:
            self._process.kill()

    def _place(self, name: str, target: Target) -> Path:
        return self.root / name / key(target)

    def _make(self, name: str, target: Target) -> str | None:
        place = self._place(name, target)
        with (self.root / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if place.is_dir():
                return None
            making = place.parent / _MAKING
            # The copy of another version goes: who has it mapped keeps what it maps.
            self.forget(name)
            making.mkdir(parents=True)
            reason = self._no_room(target) or self._run(target.directory / MODEL_FILE, making)
            if reason is None:
                (making / _MADE).write_bytes(orjson.dumps(_state(making)))
                making.rename(place)
                logger.info("made an optimised copy", extra=fields(model=name, version=target.version))
            else:
                shutil.rmtree(making, ignore_errors=True)
            return reason

    def _no_room(self, target: Target) -> str | None:
        """Say why there is no room for a copy on the disk; None if there is."""
        free = min(self.size - weigh(self.root).total, shutil.disk_usage(self.root).free)
        need = round(_COPY_BY_MODEL * weigh(target.directory).total)
        return f"it needs {need:,} bytes, and the cache has {free:,} left" if need > free else None

    def _run(self, source: Path, copy: Path) -> str | None:
        """Make a copy in a process of its own; return why that failed, if it did."""
        command = [sys.executable, "-m", "inference.models.optimise", str(source), str(copy)]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        _, said = self._process.communicate()
        status, self._process = self._process.returncode, None
        if status == 0:
            return None
        return said.strip().splitlines()[-1] if said.strip() else f"its process ended with status {status}"


def key(target: Target) -> str:
    """Return what a copy depends on, as a name: the model, onnxruntime and the CPU."""
    files = digest(target.directory) or [
        [path.relative_to(target.directory).as_posix(), *_size_and_time(path)]
        for path in sorted(target.directory.rglob("*"))
        if path.is_file()
    ]
    parts = [_FORMAT, files, onnxruntime.__version__, "cpu", *_cpu()]
    return sha256(orjson.dumps(parts)).hexdigest()[:32]


def _cpu() -> Iterator[str]:
    """Yield what tells kinds of CPUs apart."""
    yield os.uname().machine
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return
    yield next((line for line in lines if line.startswith(("flags", "Features"))), "")


def _state(copy: Path) -> dict[str, list[int]]:
    return {path.name: _size_and_time(path) for path in sorted(copy.iterdir()) if path.name != _MADE}


def _size_and_time(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]
