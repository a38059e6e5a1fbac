"""Verdicts that workers share."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from inference.models.checks import Cancelled
from inference.models.shared_verdicts import MOST_KEPT, SharedVerdicts
from inference.models.verdict import Verdict


def never(seconds: float) -> NoReturn:
    raise AssertionError("it waits")


def giving(verdict: Verdict, calls: list[str]) -> Callable[[], Verdict]:
    def check() -> Verdict:
        calls.append("checked")
        return verdict

    return check


def test_one_worker_checks_and_the_others_read_its_verdict(tmp_path: Path) -> None:
    calls: list[str] = []
    verdict = Verdict(quick=True, serving={"top_k": 5}, peak=9)
    for _ in range(3):
        assert SharedVerdicts(tmp_path).get("a v1", giving(verdict, calls), never) == verdict
    assert calls == ["checked"]
    other = Verdict(reason="bad")
    assert SharedVerdicts(tmp_path).get("a v2", giving(other, calls), never) == other
    assert len(calls) == 2


def test_workers_that_start_together_check_once(tmp_path: Path) -> None:
    calls: list[str] = []
    all_started = threading.Barrier(4)

    def slow() -> Verdict:
        calls.append("checked")
        # The others have looked by then, and wait.
        while waits < {1, 2, 3}:
            threading.Event().wait(0.01)
        return Verdict(most_rows=3)

    waits: set[int] = set()
    got: list[Verdict] = []

    def work() -> None:
        all_started.wait()

        def pause(seconds: float) -> None:
            waits.add(len(waits) + 1)
            threading.Event().wait(seconds)

        got.append(SharedVerdicts(tmp_path).get("a v1", slow, pause))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert calls == ["checked"]
    assert got == [Verdict(most_rows=3)] * 4


def test_a_worker_that_ends_in_its_check_leaves_it_to_another(tmp_path: Path) -> None:
    def ends() -> Verdict:
        raise Cancelled

    with pytest.raises(Cancelled):
        SharedVerdicts(tmp_path).get("a v1", ends, never)
    assert SharedVerdicts(tmp_path).get("a v1", lambda: Verdict(), never) == Verdict()


def test_a_worker_that_waits_can_be_stopped(tmp_path: Path) -> None:
    def inside() -> Verdict:
        def pause(seconds: float) -> NoReturn:
            raise Cancelled

        with pytest.raises(Cancelled):
            SharedVerdicts(tmp_path).get("a v1", lambda: Verdict(), pause)
        return Verdict(quick=True)

    assert SharedVerdicts(tmp_path).get("a v1", inside, never).quick


def test_a_damaged_verdict_is_none(tmp_path: Path) -> None:
    calls: list[str] = []
    SharedVerdicts(tmp_path).get("a v1", giving(Verdict(), calls), never)
    (file,) = tmp_path.glob("*.verdict")
    file.write_bytes(b"{")
    SharedVerdicts(tmp_path).get("a v1", giving(Verdict(), calls), never)
    assert calls == ["checked"] * 2


@pytest.mark.parametrize(("more", "calls"), [(MOST_KEPT - 1, 0), (MOST_KEPT, 1)])
def test_keeps_so_many_verdicts(tmp_path: Path, more: int, calls: int) -> None:
    shared = SharedVerdicts(tmp_path)
    for number in range(more + 1):
        shared.get(f"a v{number}", lambda: Verdict(), never)
    again: list[str] = []
    shared.get("a v0", giving(Verdict(), again), never)
    assert len(again) == calls
    assert len(list(tmp_path.glob("*.verdict"))) == MOST_KEPT
