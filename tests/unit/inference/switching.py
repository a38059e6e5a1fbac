"""A switch that tests can drive step by step."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue

import numpy as np

import models
from inference.errors import Refused
from inference.machine.cgroup import Place, memory
from inference.models.changes import Change, LoadContext
from inference.models.copies import Copies
from inference.models.gate import check
from inference.models.registry import Registry
from inference.models.switch import Switch
from inference.models.verdict import Task, Verdict, refused
from inference.models.volume import Target, read_target
from volumes import Volume

from .conftest import SINGLE

MIB = 1 << 20
PICTURE = np.zeros((1, 1, 8, 8), np.float32)


class InProcess:
    """Checks versions in this process, at once; what it was asked for is kept."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.tasks: list[Task] = []

    def start(self, key: str, task: Task, done: Callable[[Verdict], None]) -> "InProcess":
        """Check a version, and report the verdict."""
        self.tasks.append(task)
        try:
            verdict = check(task)
        except Refused as error:
            verdict = refused(str(error))
        done(verdict)
        return self

    def cancel(self) -> None:
        """Do nothing: it has ended."""

    def stop(self) -> None:
        """Do nothing: nothing runs."""


class Bench:
    """A switch on a volume, with the files of a control group that says what memory there is."""

    def __init__(self, root: Path, swap_wait: float = 60, workers: int = 1) -> None:
        """Start with a gigabyte of room, and v1 active."""
        self.volume = Volume(root / "volume")
        self.group = root / "group"
        self.group.mkdir()
        (root / "membership").write_text("0::/\n")
        self.limit(1024)
        self.registry = Registry(("digits",), swap_wait)
        self.freed: list[str] = []
        self.refusals: list[str] = []
        self.checker = InProcess()
        self.now = 1000.0
        place = Place(root / "membership", self.group)
        (root / "cache").mkdir()
        self.copies = Copies(root / "cache", 1 << 30)
        self.verdicts: SimpleQueue[tuple[Change, Verdict]] = SimpleQueue()
        self.switch = Switch(
            self.registry,
            LoadContext(
                SINGLE, 10**6, self.checker, 60, workers, copies=self.copies, memory=lambda: memory(place)
            ),
            freed=lambda: self.freed.append("freed"),
            checked=lambda change, verdict: self.verdicts.put((change, verdict)),
            made=lambda name, target: None,
            refused=lambda name, target, reason: self.refusals.append(reason),
            clock=lambda: self.now,
        )
        self.to("v1", partial(models.classifier, likes=1))

    def limit(self, mebibytes: int) -> None:
        """Say how much memory there is; nothing of it is used."""
        (self.group / "memory.max").write_text(str(mebibytes * MIB))
        (self.group / "memory.current").write_text("0")
        (self.group / "memory.stat").write_text("anon 0\n")

    def add(self, version: str, make: Callable[[Path], None]) -> Target:
        """Put a version on the volume."""
        self.volume.add("digits", version, make)
        self.volume.point("digits", version)
        target = read_target(self.volume.root, "digits")
        assert target
        return target

    def to(self, version: str, make: Callable[[Path], None]) -> None:
        """Switch to a version."""
        self.switch_to(self.add(version, make))

    def switch_to(self, target: Target) -> None:
        """Switch to a version that is on the volume."""
        self.switch.begin("digits", target)
        self.go_on()

    def go_on(self) -> float | None:
        """Do what the loader would, until nothing more happens; return when it would look again."""
        again = self.switch.advance()
        while not self.verdicts.empty():
            self.switch.judge(*self.verdicts.get())
            again = self.switch.advance()
        return again

    def best(self) -> int:
        """Return the class that wins."""
        with self.registry.lease("digits") as served:
            (scores,) = served.model.run({"image": PICTURE}).values()
        return int(scores.argmax())


class Held:
    """Starts checks, and keeps the verdict of each back until a test asks for it."""

    def __init__(self) -> None:
        """Start with none."""
        self.running: dict[str, Callable[[], None]] = {}
        self.cancelled: list[str] = []

    def start(self, key: str, task: Task, done: Callable[[Verdict], None]) -> "Cancels":
        """Note a check."""
        name = task.directory.parents[1].name
        self.running[name] = lambda: done(check(task))
        return Cancels(self, name)

    def stop(self) -> None:
        """Do nothing."""


class Cancels:
    """A check that is kept back."""

    def __init__(self, held: Held, name: str) -> None:
        """Belong to these."""
        self._held, self._name = held, name

    def cancel(self) -> None:
        """Note it."""
        self._held.cancelled.append(self._name)


def several(bench: Bench, *names: str) -> Held:
    """Start a switch for each of several new models, with checks that are kept back."""
    held = Held()
    bench.switch.context = replace(bench.switch.context, checks=held)
    for name in names:
        bench.volume.add(name, "v1", partial(models.classifier, likes=2))
        bench.volume.point(name, "v1")
        target = read_target(bench.volume.root, name)
        assert target
        bench.switch.begin(name, target)
    bench.switch._space = replace(bench.switch._space, context=bench.switch.context)
    bench.go_on()
    return held
