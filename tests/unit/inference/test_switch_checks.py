"""Checks of new versions: how many run, what they may take, and what becomes of them."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

import models
from inference.models.verdict import Limits
from inference.models.volume import read_target

from .switching import MIB, Bench, several


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A bench with room."""
    return Bench(tmp_path)


def test_a_check_may_take_what_is_free(bench: Bench) -> None:
    target = bench.add("v2", partial(models.big_beside, mebibytes=1, seed=2))
    bench.limit(100)
    bench.switch_to(target)
    limits = bench.checker.tasks[-1].limits
    beside = (target.directory / "weights").stat().st_size + (
        target.directory / "manifest.json"
    ).stat().st_size
    assert limits == Limits(60, 95 * MIB, beside)


def test_refuses_a_version_that_its_memory_limit_can_never_hold(bench: Bench) -> None:
    target = bench.add("v2", partial(models.big, mebibytes=4, seed=2))
    size = (target.directory / "model.onnx").stat().st_size
    bench.limit(3)
    bench.switch_to(target)
    assert bench.refusals == [
        f"it needs {size:,} bytes of memory to load, and the limit of the server is 3,145,728 bytes; raise "
        "the limit, or publish a smaller model"
    ]
    assert len(bench.checker.tasks) == 1
    assert bench.best() == 1
    assert not bench.registry.entry("digits").replacing


def test_refuses_a_version_whose_check_took_more_than_the_limit(bench: Bench) -> None:
    bench.switch.begin("digits", bench.add("v2", partial(models.classifier, likes=2)))
    bench.switch.advance()
    change, verdict = bench.verdicts.get()
    bench.switch.judge(change, replace(verdict, peak=1025 * MIB))
    bench.go_on()
    assert bench.refusals[0].startswith(
        "it needs 1,074,790,400 bytes of memory to load, and the limit of the"
    )
    assert bench.best() == 1


def test_a_model_that_has_nothing_to_make_room_is_loaded_all_the_same(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.volume.add("other", "v1", partial(models.classifier, likes=2))
    bench.volume.point("other", "v1")
    bench.limit(1)
    target = read_target(bench.volume.root, "other")
    assert target
    bench.switch.begin("other", target)
    bench.go_on()
    assert bench.registry.get("other").version == "v1"


def test_at_most_two_checks_run_and_the_others_follow(bench: Bench) -> None:
    held = several(bench, "a", "b", "c", "d")
    assert list(held.running) == ["a", "b"]
    held.running.pop("b")()
    bench.go_on()
    assert list(held.running) == ["a", "c"]
    held.running.pop("c")()
    bench.go_on()
    assert [bench.registry.entries()[name].served is not None for name in "bc"] == [True, True]
    assert list(held.running) == ["a", "d"]
    assert not bench.switch.busy("b")
    assert bench.switch.busy("a")


def test_a_check_of_a_version_that_is_not_wanted_any_more_is_cancelled(bench: Bench) -> None:
    held = several(bench, "a", "b")
    bench.switch.forget("a")
    assert held.cancelled == ["a"]
    held.running.pop("a")()
    bench.go_on()
    assert bench.registry.entries().get("a") is None


def test_a_check_waits_where_there_is_no_room_beside_another(bench: Bench) -> None:
    # Each check needs 16 MiB and more, and one has not taken any of it yet.
    bench.limit(30)
    held = several(bench, "a", "b")
    assert list(held.running) == ["a"]
    held.running.pop("a")()
    bench.go_on()
    assert list(held.running) == ["b"]


def test_of_several_workers_each_waits_for_the_others_to_make_room(tmp_path: Path) -> None:
    bench = Bench(tmp_path, workers=2)
    bench.limit(1)
    bench.to("v2", partial(models.classifier, likes=2))
    assert len(bench.checker.tasks) == 1
    again = bench.go_on()
    assert again is not None
    assert 0 < again < 1
    bench.limit(1024)
    bench.go_on()
    assert bench.best() == 2


def test_of_several_workers_none_waits_for_ever(tmp_path: Path) -> None:
    bench = Bench(tmp_path, workers=2)
    bench.limit(1)
    bench.to("v2", partial(models.classifier, likes=2))
    bench.now += 60
    bench.go_on()
    assert bench.best() == 2
