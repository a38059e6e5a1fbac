"""What follows from how the process of a check ended."""

from pathlib import Path

import pytest

from inference.models.execution import Execution
from inference.models.verdict import OUT_OF_MEMORY, Limits, Outcome, Report, Task, Verdict, verdict_of

LIMITS = Limits(seconds=300, memory=1 << 30)
FREE = "it needs more memory than the 1,073,741,824 bytes that are free"


def ended(status: int = 0, over: str = "", stderr: str = "", verdict: str = "") -> Outcome:
    return Outcome(status, over, 7, stderr, verdict)


@pytest.mark.parametrize("copy", [None, Path("/cache/model.onnx")])
def test_a_task_is_read_as_it_was_written(copy: Path | None) -> None:
    task = Task(Path("/v/a/versions/v1"), Execution(2, "cuda"), 5, LIMITS, copy, report=True)
    line = task.dump()
    assert line.count(b"\n") == 1
    assert Task.load(line) == task


@pytest.mark.parametrize("report", [None, Report(["x"], ["y"], 1.0, None, 0, ["w"])])
def test_a_verdict_is_read_as_it_was_written(report: Report | None) -> None:
    verdict = Verdict(None, "fails", True, 8, {"top_k": 5}, 2, 99, report)
    assert Verdict.load(verdict.dump()) == verdict


@pytest.mark.parametrize(("exact", "peak"), [(5, 7), (9, 9)])
def test_takes_the_verdict_of_a_check_that_ended_in_order(exact: int, peak: int) -> None:
    outcome = ended(verdict=Verdict(quick=True, peak=exact).dump().decode())
    verdict = verdict_of(outcome, LIMITS)
    assert (verdict.reason, verdict.quick, verdict.peak) == (None, True, peak)


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (ended(-9, "time"), "its check did not finish within 300 s (--load-timeout)"),
        (ended(-9, "memory"), FREE),
        (ended(OUT_OF_MEMORY), FREE),
        (ended(-9, "output"), "its check returned more than the server accepts"),
        (ended(-9), f"the system killed its check (signal 9), most likely because {FREE}"),
        (ended(-11), "onnxruntime crashed while loading or running it (signal 11)"),
        (ended(-6), "onnxruntime crashed while loading or running it (signal 6)"),
        (ended(1, stderr="Traceback …\nKeyError: 'x'\n"), "its check failed: KeyError: 'x'"),
        (ended(3), "its check failed: exit status 3"),
        (ended(0), "its check failed: exit status 0"),
        (ended(0, verdict="{}"), "its check failed: exit status 0"),
        (ended(0, verdict="[]"), "its check failed: exit status 0"),
        (ended(0, verdict='{"report": null, "more": 1}'), "its check failed: exit status 0"),
    ],
)
def test_each_other_end_is_a_refusal_with_its_reason(outcome: Outcome, reason: str) -> None:
    verdict = verdict_of(outcome, LIMITS)
    assert verdict.reason
    assert verdict.reason.startswith(reason)


def test_says_nothing_of_free_memory_that_it_does_not_know() -> None:
    reason = verdict_of(ended(OUT_OF_MEMORY), Limits(300)).reason
    assert reason == "it needs more memory; give the server more, or publish a smaller model"
