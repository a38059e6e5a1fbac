"""What the switch from one version to another needs and keeps."""

import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from inference.logs import fields
from inference.machine.cgroup import Memory
from inference.models.checks import Checker, Running
from inference.models.copies import Copies
from inference.models.events import Events, NoEvents
from inference.models.execution import Execution
from inference.models.room import Plan
from inference.models.verdict import Verdict
from inference.models.volume import Target


@dataclass(frozen=True, slots=True)
class LoadContext:
    """What loading needs: how models run and are checked, where optimised copies are, what memory there is.

    `load_timeout` is in seconds. `free` returns the bytes that the machine has left, None if unknown.
    """

    execution: Execution
    max_pixels: int
    checks: Checker
    load_timeout: float
    workers: int = 1
    copies: Copies | None = None
    memory: Callable[[], Memory | None] = lambda: None
    free: Callable[[], int | None] = lambda: None
    events: Events = field(default_factory=NoEvents)


@dataclass(slots=True, eq=False)
class Change:
    """A model on its way to a version, or to the optimised copy of its active one (`same_version`).

    `began` is in seconds of a monotonic clock. `need`: bytes that its check takes, while that runs.
    """

    name: str
    target: Target
    copy: Path | None
    began: float
    same_version: bool = False
    check: Running | None = None
    need: int = 0
    verdict: Verdict | None = None

    def key(self) -> str:
        """Return what names the version for all workers: its model, its link and its files."""
        return orjson.dumps([self.name, self.target.version, self.target.link, str(self.copy)]).decode()

    def fields(self, plan: Plan) -> dict[str, dict[str, Any]]:
        """Return the fields of a log record about the change and the memory that it takes."""
        numbers = {key: value for key, value in asdict(plan).items() if key != "waits"}
        optimised = self.copy is not None
        return fields(model=self.name, version=self.target.version, optimised=optimised, **numbers)


@dataclass(slots=True)
class Active:
    """What it takes to load the active version of a model again.

    `gone` is set once its memory is free. `leaves_by`: until when to wait for requests that hold it, in
    seconds of a monotonic clock; 0 after that, None while it is to stay in memory.
    """

    target: Target
    verdict: Verdict
    gone: threading.Event
    leaves_by: float | None = None
