"""What the check of a version is given and what it returns, as JSON between two processes. Pure."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from inference.models.execution import Execution

# Exit status of a check that found too little memory.
OUT_OF_MEMORY = 12
_SIGKILL = 9


@dataclass(frozen=True, slots=True)
class Limits:
    """What a check may take: seconds, and bytes of memory (None: any) beside the `mapped` bytes of files."""

    seconds: float
    memory: int | None = None
    mapped: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """A version to check, or `copy`, its optimised model file. `report`: whether the verdict has a report."""

    directory: Path
    execution: Execution
    max_pixels: int
    limits: Limits
    copy: Path | None = None
    report: bool = False

    def dump(self) -> bytes:
        """Return the task as a line of JSON."""
        paths = {"directory": str(self.directory), "copy": str(self.copy) if self.copy else None}
        return orjson.dumps(asdict(self) | paths) + b"\n"

    @classmethod
    def load(cls, line: bytes) -> "Task":
        """Read what `dump` returned."""
        value = orjson.loads(line)
        return cls(
            directory=Path(value["directory"]),
            execution=Execution(**value["execution"]),
            max_pixels=value["max_pixels"],
            limits=Limits(**value["limits"]),
            copy=Path(value["copy"]) if value["copy"] else None,
            report=value["report"],
        )


@dataclass(frozen=True, slots=True)
class Report:
    """What `inference check` prints of a version: tensors as `name  datatype [shape]`, and times in seconds.

    `run` is the median time of a run, None if it was not measured. `warnings` are sentences.
    """

    inputs: list[str]
    outputs: list[str]
    load: float
    run: float | None
    labels: int
    warnings: list[str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a check.

    `reason` is why the version is refused, None if it is accepted; the rest is about an accepted one.
    `trouble` is why a run on zeros fails, None if it succeeds. `quick`: such a run is too short for several
    threads. `most_rows`: rows that a run of several requests may have; 1 for none. `serving` is its
    serving.json without the examples, `examples` how many passed. `peak`: bytes of memory at most.
    `untried` warns that nothing but a promise tells that requests may share runs.
    """

    reason: str | None = None
    trouble: str | None = None
    quick: bool = False
    most_rows: int = 1
    serving: dict[str, Any] = field(default_factory=dict)
    examples: int = 0
    peak: int = 0
    report: Report | None = None
    untried: str | None = None

    def dump(self) -> bytes:
        """Return the verdict as JSON."""
        return orjson.dumps(self)

    @classmethod
    def load(cls, data: bytes | str) -> "Verdict":
        """Read what `dump` returned; raises ValueError or TypeError for anything else."""
        value = orjson.loads(data)
        report = value.pop("report")
        return cls(**value, report=Report(**report) if report else None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the process of a check ended.

    `status` is its exit status, the negative number of the signal that ended it. `over` names the limit that
    it exceeded: time, memory, output, or none. `peak` is in bytes, `stderr` the end of what it wrote there.
    """

    status: int
    over: str
    peak: int
    stderr: str
    verdict: str


def verdict_of(outcome: Outcome, limits: Limits) -> Verdict:
    """Return the verdict that a check gave, or the refusal that follows from how its process ended."""
    if outcome.over == "time":
        return refused(f"its check did not finish within {limits.seconds:g} s (--load-timeout)")
    if outcome.over == "memory" or outcome.status == OUT_OF_MEMORY:
        return refused(out_of_memory(limits))
    if outcome.over:
        return refused("its check returned more than the server accepts")
    if outcome.status == -_SIGKILL:
        return refused(f"the system killed its check (signal 9), most likely because {out_of_memory(limits)}")
    if outcome.status < 0:
        return refused(f"onnxruntime crashed while loading or running it (signal {-outcome.status})")
    try:
        verdict = Verdict.load(outcome.verdict)
    except (ValueError, TypeError, LookupError):
        lines = outcome.stderr.strip().splitlines() or [f"exit status {outcome.status}"]
        return refused(f"its check failed: {lines[-1]}")
    return replace(verdict, peak=max(verdict.peak, outcome.peak))


def refused(reason: str) -> Verdict:
    """Return a refusal."""
    return Verdict(reason=reason)


def out_of_memory(limits: Limits) -> str:
    """Return the sentence about a check that found too little memory."""
    free = "" if limits.memory is None else f" than the {limits.memory:,} bytes that are free"
    return f"it needs more memory{free}; give the server more, or publish a smaller model"
