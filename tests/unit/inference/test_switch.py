"""One version in the place of another, where memory has room for both and where it has not."""

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import pytest

import models
from inference.errors import Refused
from inference.machine.cgroup import Place, memory
from inference.models.changes import Change, LoadContext
from inference.models.copies import Copies
from inference.models.gate import check
from inference.models.registry import Registry
from inference.models.switch import Switch
from inference.models.verdict import Limits, Task, Verdict, refused
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


@pytest.fixture(autouse=True)
def all_levels(caplog: pytest.LogCaptureFixture) -> None:
    """See what is logged at info too."""
    caplog.set_level(logging.INFO, "inference")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A bench with room."""
    return Bench(tmp_path)


def broken(path: Path) -> None:
    path.write_bytes(b"no model")


def test_the_old_version_serves_until_the_new_one_does_where_both_fit(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.to("v2", partial(models.classifier, likes=2))
    assert bench.best() == 2
    assert bench.freed == ["freed"]
    assert "no room for both" not in caplog.text


def test_the_old_version_goes_first_where_they_do_not_fit(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.limit(1)
    bench.to("v2", partial(models.classifier, likes=2))
    assert bench.best() == 2
    assert bench.freed == ["freed"]
    assert "no room for both" in caplog.text
    assert not bench.registry.entry("digits").replacing


def test_the_old_version_comes_back_where_the_new_one_is_refused(bench: Bench) -> None:
    bench.limit(1)
    stats = bench.registry.get("digits").stats
    bench.to("v2", broken)
    assert "onnxruntime cannot load it" in bench.refusals[0]
    assert bench.best() == 1
    served = bench.registry.get("digits")
    assert (served.version, served.stats) == ("v1", stats)
    assert not bench.registry.entry("digits").replacing


def test_nothing_serves_where_the_old_version_cannot_come_back(bench: Bench) -> None:
    bench.limit(1)
    target = bench.add("v2", broken)
    (bench.volume.root / "digits/versions/v1/model.onnx").unlink()
    bench.switch_to(target)
    assert len(bench.refusals) == 1
    assert bench.registry.entry("digits").served is None
    assert not bench.registry.entry("digits").replacing
    bench.to("v3", partial(models.classifier, likes=3))
    assert bench.best() == 3


def test_what_is_known_of_the_pace_of_a_model_outlives_its_version(bench: Bench) -> None:
    before = bench.registry.get("digits")
    bench.to("v2", partial(models.classifier, likes=2))
    after = bench.registry.get("digits")
    assert after.pace is before.pace
    assert after.stats is not before.stats


def test_the_old_version_goes_once_its_last_request_is_done(bench: Bench) -> None:
    bench.limit(1)
    lease = bench.registry.lease("digits")
    bench.to("v2", partial(models.classifier, likes=2))
    assert bench.registry.entry("digits").replacing
    assert (bench.freed, len(bench.checker.tasks)) == ([], 1)
    assert bench.go_on() == 60
    with lease as served:
        assert served.model.run({"image": PICTURE})
    assert bench.freed == ["freed"]
    bench.go_on()
    assert bench.best() == 2


@pytest.mark.parametrize(("seconds", "version"), [(59.9, "v1"), (60, "v2")])
def test_a_request_that_never_ends_does_not_hold_up_the_new_version(
    bench: Bench, caplog: pytest.LogCaptureFixture, seconds: float, version: str
) -> None:
    bench.limit(1)
    lease = bench.registry.lease("digits")
    bench.to("v2", partial(models.classifier, likes=2))
    bench.now += seconds
    bench.go_on()
    assert bench.registry.get("digits").version == version
    warned = "a request still holds the old version; loading all the same" in caplog.text
    assert warned is (version == "v2")
    with lease as served:
        assert served.model.run({"image": PICTURE})


def test_a_later_version_takes_the_place_of_one_that_is_on_its_way(bench: Bench) -> None:
    bench.limit(1)
    lease = bench.registry.lease("digits")
    bench.to("v2", partial(models.classifier, likes=2))
    bench.to("v3", partial(models.classifier, likes=3))
    lease.close()
    bench.go_on()
    assert bench.best() == 3
    assert [task.directory.name for task in bench.checker.tasks] == ["v1", "v3"]


def test_the_old_version_comes_back_when_its_link_does_so_before_the_new_one_is_there(bench: Bench) -> None:
    bench.limit(1)
    lease = bench.registry.lease("digits")
    bench.to("v2", partial(models.classifier, likes=2))
    lease.close()
    bench.switch.cancel("digits")
    assert not bench.registry.entry("digits").replacing
    assert bench.best() == 1
    bench.go_on()
    assert bench.registry.get("digits").version == "v1"


def test_a_verdict_on_a_version_that_is_not_wanted_any_more_changes_nothing(bench: Bench) -> None:
    target = bench.add("v2", partial(models.classifier, likes=2))
    bench.switch.begin("digits", target)
    bench.switch.advance()
    bench.switch.cancel("digits")
    bench.switch.judge(*bench.verdicts.get())
    assert bench.go_on() is None
    assert bench.best() == 1


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


def test_a_copy_takes_the_place_of_the_original_only_while_that_serves(bench: Bench) -> None:
    target = bench.add("v2", partial(models.big, mebibytes=1, seed=2))
    bench.switch_to(target)
    assert bench.copies.make("digits", target)
    original = bench.registry.get("digits").model
    bench.switch.use_copy("digits", target)
    bench.go_on()
    served = bench.registry.get("digits")
    assert served.version == "v2"
    assert served.model is not original
    bench.to("v3", partial(models.classifier, likes=3))
    bench.switch.use_copy("digits", target)
    bench.go_on()
    assert bench.best() == 3


def test_a_copy_waits_for_the_next_start_where_memory_has_no_room(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    target = bench.add("v2", partial(models.big, mebibytes=1, seed=2))
    bench.switch_to(target)
    assert bench.copies.make("digits", target)
    original = bench.registry.get("digits").model
    bench.limit(1)
    bench.switch.use_copy("digits", target)
    bench.go_on()
    assert bench.registry.get("digits").model is original
    assert "the optimised copy waits for the next start" in caplog.text


def test_no_copy_is_made_where_memory_has_no_room(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.limit(80)
    bench.to("v2", partial(models.big, mebibytes=17, seed=2))
    assert "no optimised copy is made: memory has no room for that" in caplog.text


def test_the_copy_of_another_version_goes_before_one_is_made(bench: Bench) -> None:
    old = bench.add("v2", partial(models.big, mebibytes=1, seed=2))
    new = bench.add("v3", partial(models.big, mebibytes=1, seed=3))
    assert bench.copies.make("digits", old)
    bench.switch_to(old)
    assert bench.copies.find("digits", old)
    assert bench.copies.make("digits", new)
    assert bench.copies.find("digits", old) is None
    assert bench.copies.find("digits", new)
    bench.copies.forget("digits")
    assert bench.copies.find("digits", new) is None
