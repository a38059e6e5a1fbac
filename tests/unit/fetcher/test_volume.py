"""One model's place on the volume: what is current, what is ours, what is old."""

import os
import time
from pathlib import Path
from threading import Event, Thread

import pytest

from model_fetcher.errors import Stopped, VolumeError
from model_fetcher.volume import ModelDir
from unit.fetcher.stores import SOME, install, manifest_of, powerless, write_files


@pytest.fixture
def place(tmp_path: Path) -> ModelDir:
    return ModelDir(tmp_path / "volume" / "digits")


def age(place: ModelDir, version: str, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(place.path / "versions" / version, (then, then))


def test_a_new_place_holds_nothing(place: ModelDir) -> None:
    assert (place.current(), place.versions(), place.installed("v1")) == (None, [], None)
    place.prepare()
    place.prepare()
    assert (place.current(), place.versions(), place.have()) == (None, [], {})


def test_the_link_is_relative_and_moves_in_one_step(place: ModelDir, tmp_path: Path) -> None:
    install(place, "v1")
    install(place, "v2")
    place.flip("v1")
    assert os.readlink(place.path / "current") == "versions/v1"
    stop, seen = Event(), set()

    def look() -> None:
        while not stop.is_set():
            seen.add((place.path / "current").resolve(strict=True).name)

    reader = Thread(target=look)
    reader.start()
    for number in range(300):
        place.flip(f"v{number % 2 + 1}")
    stop.set()
    reader.join()
    assert seen <= {"v1", "v2"}
    elsewhere = (tmp_path / "volume").rename(tmp_path / "mounted-elsewhere")
    assert (elsewhere / "digits/current/model.onnx").read_bytes() == SOME["model.onnx"]


def test_a_link_left_by_a_killed_flip_does_not_stand_in_the_way(place: ModelDir) -> None:
    install(place, "v1")
    (place.path / ".current").symlink_to("versions/gone")
    place.flip("v1")
    assert place.current() == "v1"


@pytest.mark.parametrize("target", ["/elsewhere/v1", "versions/gone", "v1", "../other/versions/v1"])
def test_a_link_that_does_not_lead_to_a_version_of_ours_is_none(place: ModelDir, target: str) -> None:
    install(place, "v1")
    (place.path / "current").symlink_to(target)
    place.prepare()
    assert place.current() is None
    place.flip("v1")
    assert place.current() == "v1"


def test_a_foreign_directory_named_current_is_refused_and_left_alone(place: ModelDir) -> None:
    write_files(place.path / "current", {"theirs": b"x"})
    with pytest.raises(VolumeError, match=r"current is not a link, so something else keeps this directory"):
        place.prepare()
    assert (place.path / "current/theirs").read_bytes() == b"x"


def test_a_file_where_a_directory_should_be_is_named(place: ModelDir) -> None:
    place.path.mkdir(parents=True)
    (place.path / "versions").write_text("a file")
    with pytest.raises(VolumeError, match=f"cannot write to {place.path}"):
        place.prepare()


def test_a_volume_of_another_user_is_named_with_the_cure(place: ModelDir) -> None:
    place.path.parent.mkdir(mode=0o555)
    with powerless(place.path), pytest.raises(VolumeError, match=r"Permission denied; give .* \(fsGroup\)"):
        place.prepare()


def test_what_is_installed_is_told_with_its_manifest(place: ModelDir) -> None:
    install(place, "v1")
    assert place.installed("v1") == manifest_of("v1", SOME)
    assert set(place.have()) == {file.sha256 for file in manifest_of("v1", SOME).files}


def test_a_version_that_lost_a_file_is_not_installed_and_is_left_until_it_is_replaced(
    place: ModelDir,
) -> None:
    folder = install(place, "v1")
    place.flip("v1")
    (folder / "sub/labels.txt").unlink()
    assert place.installed("v1") is None
    assert place.have() == {}
    assert (place.path / "current/model.onnx").exists()
    install(place, "v1")
    assert place.installed("v1") is not None
    assert list((place.path / ".staging").iterdir()) == []


def test_a_version_with_a_file_cut_short_is_not_installed(place: ModelDir) -> None:
    (install(place, "v1") / "model.onnx").write_bytes(b"wei")
    assert place.installed("v1") is None


def test_a_foreign_directory_under_a_version_is_refused_and_left_alone(place: ModelDir) -> None:
    write_files(place.path / "versions/v1", {"theirs": b"x"})
    with pytest.raises(VolumeError, match=r"versions/v1 was not made by the fetcher .*: remove it"):
        place.installed("v1")
    assert (place.path / "versions/v1/theirs").exists()


def test_collects_by_count(place: ModelDir) -> None:
    for number in range(1, 6):
        install(place, f"v{number}")
        age(place, f"v{number}", 1000 - number)
    place.flip("v5")
    assert sorted(place.collect(keep=3, needed=set(), grace=10)) == ["v1", "v2"]
    assert place.versions() == ["v5", "v4", "v3"]
    assert sorted(place.collect(keep=1, needed=set(), grace=10)) == ["v3", "v4"]
    assert place.collect(keep=1, needed=set(), grace=0) == []


def test_the_current_version_stays_however_old_it_is(place: ModelDir) -> None:
    for version, seconds in (("v1", 5000), ("v2", 100), ("v3", 50)):
        install(place, version)
        age(place, version, seconds)
    place.flip("v1")
    assert sorted(place.collect(keep=1, needed=set(), grace=10)) == ["v2", "v3"]
    assert place.current() == "v1"


def test_needed_versions_stay(place: ModelDir) -> None:
    for version in ("v1", "v2", "v3"):
        install(place, version)
        age(place, version, 1000)
    place.flip("v3")
    assert place.collect(keep=1, needed={"v1"}, grace=10) == ["v2"]


def test_a_version_just_replaced_stays_for_its_grace_counted_from_the_flip(place: ModelDir) -> None:
    for version in ("v1", "v2"):
        install(place, version)
    place.flip("v1")
    age(place, "v1", 10_000)
    place.flip("v2")
    assert place.collect(keep=1, needed=set(), grace=300) == []
    assert place.collect(keep=1, needed=set(), grace=300, now=time.time() + 301) == ["v1"]


def test_nothing_foreign_is_collected(place: ModelDir) -> None:
    for version in ("v1", "v2"):
        install(place, version)
        age(place, version, 1000)
    place.flip("v2")
    write_files(place.path, {"versions/theirs/data": b"x", "lost+found/inode": b"x", "notes.txt": b"x"})
    (place.path / "versions/file").write_bytes(b"x")
    assert place.collect(keep=1, needed=set(), grace=0) == ["v1"]
    assert sorted(os.listdir(place.path / "versions")) == ["file", "theirs", "v2"]
    assert {"lost+found", "notes.txt"} <= set(os.listdir(place.path))


def test_staging_of_other_versions_is_given_up(place: ModelDir) -> None:
    place.prepare()
    for version in ("v1", "v2"):
        write_files(place.path / ".staging" / version, {"model.onnx": b"half"})
    assert (place.staging("v2") / "model.onnx").exists()
    assert os.listdir(place.path / ".staging") == ["v2"]


def test_only_one_holds_the_lock_and_waiting_for_it_can_be_stopped(place: ModelDir) -> None:
    place.prepare()
    stop = Event()
    with place.lock(Event()):
        stop.set()
        with pytest.raises(Stopped), place.lock(stop):
            raise AssertionError("two hold the lock")
    with place.lock(stop):
        pass


def test_of_two_that_write_the_second_waits_for_the_first(place: ModelDir) -> None:
    place.prepare()
    inside, order = Event(), list[str]()

    def second() -> None:
        inside.wait()
        with place.lock(Event()):
            order.append("second")

    thread = Thread(target=second)
    thread.start()
    with place.lock(Event()):
        inside.set()
        thread.join(0.5)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
