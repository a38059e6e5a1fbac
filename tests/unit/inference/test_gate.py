"""What the check of a version does, in the process that runs it."""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

import models
from inference.errors import Refused
from inference.models import golden
from inference.models.execution import Execution
from inference.models.gate import check
from inference.models.golden import QUICK_RUNS, SURELY_SLOW_NS, is_quick
from inference.models.model import Model
from inference.models.verdict import Limits, Task

from .conftest import MakeModel


def task(directory: Path, make: Callable[[Path], None] | None, *, threads: int = 2, **more: Any) -> Task:
    """Make a bundle, and the task to check it."""
    if make:
        make(directory / "model.onnx")
    return Task(directory, Execution(threads), 10_000, Limits(60), **more)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """Count the runs of models, each model by itself."""
    counted: Counter[int] = Counter()
    run = Model.run

    def count(self: Model, *arguments: Any, **named: Any) -> Mapping[str, Any]:
        counted[id(self)] += 1
        return run(self, *arguments, **named)

    monkeypatch.setattr(Model, "run", count)
    return counted


@pytest.mark.parametrize("beside", [0, 8 << 20])
@pytest.mark.parametrize(("make", "quick"), [(models.add, True), (models.hard, False)])
def test_finds_out_whether_a_model_is_quick_whatever_its_size(
    tmp_path: Path, make: Callable[[Path], None], quick: bool, beside: int
) -> None:
    (tmp_path / "beside").write_bytes(bytes(beside))
    assert check(task(tmp_path, make)).quick is quick


def test_runs_a_slow_model_twice_and_no_more(
    tmp_path: Path, runs: Counter[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    # However quick the machine is, its first run is taken for a surely slow one.
    monkeypatch.setattr(golden, "SURELY_SLOW_NS", 0)
    assert not check(task(tmp_path, models.hard)).quick
    assert list(runs.values()) == [2]


class Clocked:
    """A model of some signature whose runs take, by two clocks, what a test says (ns)."""

    def __init__(self, model: Model, monkeypatch: pytest.MonkeyPatch, wall: list[int], cpu: int) -> None:
        """Let each run move the clocks on."""
        self.signature = model.signature
        self.ran = 0
        self._wall, self._cpu = wall, cpu
        self.now, self.used = 0, 0
        monkeypatch.setattr("time.perf_counter_ns", lambda: self.now)
        monkeypatch.setattr("time.thread_time_ns", lambda: self.used)

    def run(self, inputs: object) -> None:
        """Take the time of this run."""
        self.now += self._wall[self.ran]
        self.used += self._cpu
        self.ran += 1


SLOW = SURELY_SLOW_NS + 1


@pytest.mark.parametrize(
    ("wall", "cpu", "quick", "ran"),
    [
        ([SLOW], SLOW, False, 1),
        # Others had the CPU.
        ([SLOW, 1000], 1000, True, 2),
        ([SLOW] * QUICK_RUNS, 1000, False, QUICK_RUNS),
        ([SURELY_SLOW_NS] * QUICK_RUNS, SURELY_SLOW_NS, False, QUICK_RUNS),
        ([1000], 1000, True, 1),
    ],
)
def test_stops_to_time_a_model_once_it_is_sure(
    load_model: MakeModel,
    monkeypatch: pytest.MonkeyPatch,
    wall: list[int],
    cpu: int,
    quick: bool,
    ran: int,
) -> None:
    clocked: Any = Clocked(load_model(models.identity), monkeypatch, wall, cpu)
    assert is_quick(clocked) is quick
    assert clocked.ran == ran


def test_returns_what_serving_needs_of_a_bundle_without_its_examples(tmp_path: Path) -> None:
    example = {"inputs": {"a": [[1, 2]], "b": [[3, 4]]}, "outputs": {"total": [[4, 6]]}}
    (tmp_path / "serving.json").write_bytes(orjson.dumps({"examples": [example], "top_k": 5}))
    verdict = check(task(tmp_path, models.add))
    assert (verdict.reason, verdict.trouble, verdict.examples) == (None, None, 1)
    assert verdict.serving == {"top_k": 5}
    assert verdict.report is None


def test_refuses_a_version_that_fails_an_example(tmp_path: Path) -> None:
    example = {"inputs": {"a": [[1, 2]], "b": [[3, 4]]}, "outputs": {"total": [[4, 7]]}}
    (tmp_path / "serving.json").write_bytes(orjson.dumps({"examples": [example]}))
    with pytest.raises(Refused, match=r"example 1: output 'total'\[0,1\] is 6.0, expected 7.0"):
        check(task(tmp_path, models.add))


def test_refuses_a_version_without_a_directory(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="there is no directory v9; publish the version again"):
        check(task(tmp_path / "v9", None))


def test_a_run_on_zeros_that_fails_is_no_reason_to_refuse(tmp_path: Path) -> None:
    # A window of three needs three rows.
    verdict = check(task(tmp_path, models.window))
    assert verdict.reason is None
    assert verdict.trouble


def test_tells_too_little_memory_from_another_failure(tmp_path: Path) -> None:
    # More than any address space: no machine has to give it.
    with pytest.raises(MemoryError, match="Failed to allocate memory"):
        check(task(tmp_path, lambda path: models.greedy(path, 10**17)))


def test_checks_an_optimised_copy_in_place_of_the_original(tmp_path: Path) -> None:
    copy = tmp_path / "cache" / "model.onnx"
    copy.parent.mkdir()
    models.classifier(copy)
    (tmp_path / "model.onnx").write_bytes(b"no model")
    assert check(task(tmp_path, None, copy=copy)).reason is None
    with pytest.raises(Refused, match="onnxruntime cannot load it"):
        check(task(tmp_path, None))


def test_reports_what_a_person_wants_to_know(tmp_path: Path) -> None:
    report = check(task(tmp_path, models.add, report=True)).report
    assert report
    assert report.inputs == ["a  FP32 [any, 2]", "b  FP32 [any, 2]"]
    assert report.outputs == ["total  FP32 [any, 2]", "difference  FP32 [any, 2]"]
    assert report.run is not None
    assert report.warnings == [
        "serving.json has no examples: a version that answers nonsense would be served; add some"
    ]
