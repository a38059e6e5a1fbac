"""`inference check`: whether the server would accept a bundle, and what to know before it is published."""

from dataclasses import dataclass
from pathlib import Path

from inference import units
from inference.errors import Refused
from inference.machine import cpu, process
from inference.machine.cgroup import Place, memory
from inference.models.check_client import CheckServer
from inference.models.checks import Check
from inference.models.execution import Execution
from inference.models.model import MODEL_FILE
from inference.models.room import free_for_check, weigh
from inference.models.verdict import Limits, Task, Verdict
from inference.options import OPTIONS


@dataclass(frozen=True, slots=True)
class Report:
    """What to print of a bundle that passed."""

    lines: list[str]
    warnings: list[str]


def check_bundle(directory: Path) -> Report:
    """Check a bundle as the server does, in a process of its own; raises Refused."""
    server = CheckServer()
    server.fork()
    try:
        verdict = Check(server, _task(directory)).run()
    finally:
        server.stop()
    if verdict.reason is not None:
        raise Refused(verdict.reason)
    return _report(directory, verdict)


def _task(directory: Path) -> Task:
    budget = cpu.budget(cpu.allowed_cpus(), 1, None, None)
    seconds = units.interval(_default("load_timeout"))
    free = free_for_check(memory(Place()), process.available())
    limits = Limits(seconds, free, weigh(directory).beside)
    return Task(
        directory, Execution(budget.threads), units.pixels(_default("max_pixels")), limits, report=True
    )


def _default(key: str) -> str:
    return next(option.default or "" for option in OPTIONS if option.key == key)


def _report(directory: Path, verdict: Verdict) -> Report:
    report = verdict.report
    assert report is not None, verdict
    run = report.run
    lines = [
        *(f"input     {tensor}" for tensor in report.inputs),
        *(f"output    {tensor}" for tensor in report.outputs),
        f"size      {_size(directory)}",
        f"load      {report.load:.2f} s, examples included",
        *([f"run       {run * 1000:.2f} ms, median of one at a time"] if run is not None else []),
        f"examples  {verdict.examples} passed",
        f"labels    {report.labels}",
    ]
    return Report(lines, report.warnings)


def _size(directory: Path) -> str:
    files = [path for path in directory.rglob("*") if path.is_file()]
    total = sum(path.stat().st_size for path in files)
    own = (directory / MODEL_FILE).stat().st_size
    return f"{total:,} bytes in {len(files)} files, {MODEL_FILE} {own:,}"
