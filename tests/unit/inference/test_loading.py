"""Loading a version that its check accepted."""

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import models
from inference.errors import Refused
from inference.models.execution import Execution
from inference.models.loading import load
from inference.models.model import Model
from inference.models.verdict import Verdict

from .conftest import SINGLE, threads_of


@pytest.mark.parametrize(("quick", "threads"), [(True, 1), (False, 3)])
def test_a_quick_model_gets_one_thread(tmp_path: Path, quick: bool, threads: int) -> None:
    models.add(tmp_path / "model.onnx")
    loaded = load(tmp_path, Verdict(quick=quick, most_rows=7), Execution(3), 60)
    assert threads_of(loaded.model._session) == threads
    assert loaded.most_rows == 7


@pytest.mark.parametrize(
    ("quick", "threads", "shares"), [(True, 2, False), (False, 1, False), (False, 2, True)]
)
def test_only_copies_whose_runs_have_several_threads_share_cpus(
    tmp_path: Path, quick: bool, threads: int, shares: bool
) -> None:
    path = tmp_path / "model.onnx"
    models.add(path)
    verdict, execution = Verdict(quick=quick), Execution(threads)
    assert (load(tmp_path, verdict, execution, 60, path).model._single is not None) == shares
    assert load(tmp_path, verdict, execution, 60).model._single is None


@pytest.mark.parametrize(("trouble", "runs"), [(None, 1), ("it fails", 0)])
def test_warms_up_once_unless_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str | None, runs: int
) -> None:
    models.add(tmp_path / "model.onnx")
    ran: list[str] = []
    run = Model.run

    def count(self: Model, *arguments: Any, **named: Any) -> Any:
        ran.append("ran")
        return run(self, *arguments, **named)

    monkeypatch.setattr(Model, "run", count)
    load(tmp_path, Verdict(trouble=trouble), SINGLE, 60)
    assert len(ran) == runs


def test_takes_labels_and_batching_from_the_verdict_and_not_the_examples(tmp_path: Path) -> None:
    models.classifier(tmp_path / "model.onnx")
    (tmp_path / "serving.json").write_text("anything")
    (tmp_path / "labels.txt").write_text("\n".join("abcdefghij"))
    serving = {"labels": "labels.txt", "image": {}}
    loaded = load(tmp_path, Verdict(serving=serving), SINGLE, 60)
    assert loaded.bundle.labels == tuple("abcdefghij")
    assert loaded.bundle.examples == ()
    assert loaded.pipeline


def freed_after(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> bool:
    """Return whether the model that is loaded meanwhile is freed, though the exception is still there."""
    sessions: list[weakref.ref[Any]] = []
    original = Model.__init__

    def note(self: Model, *arguments: Any, **named: Any) -> None:
        original(self, *arguments, **named)
        sessions.append(weakref.ref(self._session))

    monkeypatch.setattr(Model, "__init__", note)
    with pytest.raises(Refused) as caught:
        act()
    assert caught.value
    return [session() for session in sessions] == [None]


def test_ends_a_warm_up_that_never_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models.endless(tmp_path / "model.onnx")
    with pytest.raises(Refused, match=r"a run on zeros did not finish within 0\.1 s \(--load-timeout\)"):
        load(tmp_path, Verdict(), SINGLE, 0.1)
    assert freed_after(monkeypatch, lambda: load(tmp_path, Verdict(), SINGLE, 0.1))


def test_keeps_nothing_of_a_version_that_does_not_fit_its_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models.classifier(tmp_path / "model.onnx")
    verdict = Verdict(serving={"labels": ["a"]})
    assert freed_after(monkeypatch, lambda: load(tmp_path, verdict, SINGLE, 60))
