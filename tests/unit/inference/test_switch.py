"""One version in the place of another, where memory has room for both and where it has not."""

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import models
from inference.errors import Refused
from inference.machine.cgroup import Place, memory
from inference.models.copies import Copies
from inference.models.registry import Registry
from inference.models.switch import Means, Switch
from inference.models.volume import Target, read_target
from volumes import Volume

from .conftest import SINGLE

MIB = 1 << 20
PICTURE = np.zeros((1, 1, 8, 8), np.float32)


class Bench:
    """A switch on a volume, with the files of a control group that says what memory there is."""

    def __init__(self, root: Path, swap_wait: float = 60) -> None:
        """Start with a gigabyte of room, and v1 serving."""
        self.volume = Volume(root / "volume")
        self.group = root / "group"
        self.group.mkdir()
        (root / "membership").write_text("0::/\n")
        self.limit(1024)
        self.registry = Registry(("digits",), swap_wait)
        self.freed: list[str] = []
        place = Place(root / "membership", self.group)
        (root / "cache").mkdir()
        self.copies = Copies(root / "cache", 1 << 30)
        self.switch = Switch(
            self.registry,
            Means(SINGLE, 10**6, copies=self.copies, memory=lambda: memory(place)),
            released=lambda: self.freed.append("freed"),
            made=lambda name, target: None,
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
        self.switch.to("digits", self.add(version, make))

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
    with pytest.raises(Refused, match="onnxruntime cannot load it"):
        bench.to("v2", broken)
    assert bench.best() == 1
    served = bench.registry.get("digits")
    assert (served.version, served.stats) == ("v1", stats)
    assert not bench.registry.entry("digits").replacing


def test_nothing_serves_where_the_old_version_cannot_come_back(bench: Bench) -> None:
    bench.limit(1)
    target = bench.add("v2", broken)
    (bench.volume.root / "digits/versions/v1/model.onnx").unlink()
    with pytest.raises(Refused):
        bench.switch.to("digits", target)
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
    target = bench.add("v2", partial(models.classifier, likes=2))
    switching = threading.Thread(target=bench.switch.to, args=("digits", target))
    switching.start()
    while not bench.registry.entry("digits").replacing:
        time.sleep(0.01)
    assert bench.freed == []
    with lease as served:
        assert served.model.run({"image": PICTURE})
    switching.join()
    assert bench.best() == 2


def test_a_request_that_never_ends_does_not_hold_up_the_new_version(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(tmp_path, swap_wait=0.1)
    bench.limit(1)
    lease = bench.registry.lease("digits")
    bench.to("v2", partial(models.classifier, likes=2))
    assert bench.best() == 2
    assert "a request still holds the old version; loading all the same" in caplog.text
    with lease as served:
        assert served.model.run({"image": PICTURE})


def test_a_copy_takes_the_place_of_the_original_only_while_that_serves(bench: Bench) -> None:
    target = bench.add("v2", partial(models.big, mebibytes=1, seed=2))
    bench.switch.to("digits", target)
    assert bench.copies.make("digits", target)
    original = bench.registry.get("digits").model
    bench.switch.use_copy("digits", target)
    served = bench.registry.get("digits")
    assert served.version == "v2"
    assert served.model is not original
    bench.to("v3", partial(models.classifier, likes=3))
    bench.switch.use_copy("digits", target)
    assert bench.best() == 3


def test_a_copy_waits_for_the_next_start_where_memory_has_no_room(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    target = bench.add("v2", partial(models.big, mebibytes=1, seed=2))
    bench.switch.to("digits", target)
    assert bench.copies.make("digits", target)
    original = bench.registry.get("digits").model
    bench.limit(1)
    bench.switch.use_copy("digits", target)
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
    bench.switch.to("digits", old)
    assert bench.copies.find("digits", old)
    assert bench.copies.make("digits", new)
    assert bench.copies.find("digits", old) is None
    assert bench.copies.find("digits", new)
    bench.copies.forget("digits")
    assert bench.copies.find("digits", new) is None
