"""One version in the place of another, where memory has room for both and where it has not."""

import logging
from functools import partial
from pathlib import Path

import pytest

import models

from .switching import PICTURE, Bench


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
