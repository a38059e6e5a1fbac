"""The watcher: polls, and what it does when the store is bad. The clock is the test's."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from model_fetcher.errors import AccessDenied, NotFound, StoreError
from model_fetcher.fetch import Keep
from model_fetcher.publish import promote
from model_fetcher.sources.file import FileSource
from unit.fetcher.pods import Pod, versions
from unit.fetcher.stores import put


def test_follows_the_channel_and_does_nothing_while_it_stands(root: Path, volume: Path) -> None:
    versions(root, "v1")
    pod = Pod(root, volume)
    assert pod.tick() == pytest.approx(10)
    assert (pod.current, pod.state.current, pod.state.confirmed, pod.state.in_sync) == (
        "v1",
        "v1",
        "v1",
        True,
    )
    pod.tick()
    versions(root, "v2")
    pod.tick()
    assert (pod.current, pod.state.previous) == ("v2", "v1")
    assert pod.state.polls == {"success": 2, "noop": 1}
    assert pod.asked == ["v1", "v2"]
    assert pod.state.current_since == 1030


def test_failures_wait_longer_each_time_and_never_touch_the_model(root: Path, volume: Path) -> None:
    versions(root, "v1")
    pod = Pod(root, volume, asks=False)
    pod.tick()
    for error in (
        StoreError("the store is away"),
        AccessDenied("no"),
        RuntimeError("a bug"),
        OSError(5, "io"),
    ):
        pod.store.error = error  # type: ignore[assignment]
        pod.tick()
        assert pod.current == "v1"
        assert str(error) in pod.state.last_error
    assert (pod.state.failures, pod.state.polls["error"], pod.watcher.fatal) == (4, 4, None)
    assert pod.tick() == pytest.approx(16)
    assert pod.state.last_success == 1010
    pod.store.error = None
    assert pod.tick() == pytest.approx(10)
    assert (pod.state.failures, pod.state.last_error) == (0, "")


def test_a_damaged_version_leaves_the_one_before_and_is_taken_once_it_is_whole(
    root: Path, volume: Path
) -> None:
    versions(root, "v1", "v2")
    promote(FileSource(root), "stable", "v1")
    pod = Pod(root, volume)
    pod.tick()
    file = root / "versions/v2/model.onnx"
    file.write_bytes(b"V2")
    promote(FileSource(root), "stable", "v2")
    pod.tick()
    pod.tick()
    assert (pod.current, pod.state.failures, pod.state.in_sync) == ("v1", 2, False)
    assert "'model.onnx' has sha256" in pod.state.last_error
    file.write_bytes(b"v2")
    pod.tick()
    assert (pod.current, pod.state.in_sync) == ("v2", True)


HARMS: dict[str, Callable[[Path], object]] = {
    "gone": shutil.rmtree,
    "no-channel": lambda root: (root / "channels/stable.json").unlink(),
    "not-json": lambda root: (root / "channels/stable.json").write_text("{"),
    "no-version": lambda root: (root / "channels/stable.json").write_text('{"version": "v9"}'),
    "bad-name": lambda root: (root / "channels/stable.json").write_text('{"version": "../../v1"}'),
}


@pytest.mark.parametrize("harm", HARMS)
def test_no_harm_to_the_store_harms_the_volume(root: Path, volume: Path, harm: str) -> None:
    versions(root, "v1")
    pod = Pod(root, volume)
    pod.tick()
    HARMS[harm](root)
    for _ in range(3):
        pod.tick()
    assert pod.current == "v1"
    assert pod.state.failures == 3
    assert (volume / "digits/current/model.onnx").read_bytes() == b"v1"


def test_a_pod_that_restarts_has_its_model_though_the_store_is_away(root: Path, volume: Path) -> None:
    versions(root, "v1")
    Pod(root, volume).tick()
    shutil.rmtree(root)
    pod = Pod(root, volume, give_up_after=1)
    assert (pod.state.current, pod.state.bytes, pod.state.current_since) == ("v1", 2, 1000)
    assert pod.state.digest
    for _ in range(3):
        pod.tick(after=1000)
    assert (pod.current, pod.watcher.fatal) == ("v1", None)
    versions(root, "v2")
    pod.tick()
    assert pod.current == "v2"


def test_a_model_that_lost_a_file_is_not_adopted_and_is_fetched_anew(root: Path, volume: Path) -> None:
    versions(root, "v1")
    Pod(root, volume).tick()
    (volume / "digits/current/model.onnx").unlink()
    pod = Pod(root, volume)
    assert pod.state.current is None
    pod.tick()
    assert (volume / "digits/current/model.onnx").read_bytes() == b"v1"


def test_gives_up_on_the_first_model_only_after_the_time_given(root: Path, volume: Path) -> None:
    pod = Pod(root, volume, give_up_after=100)
    pod.tick(after=50)
    assert pod.watcher.fatal is None
    pod.tick(after=50)
    assert isinstance(pod.watcher.fatal, NotFound)
    pod.watcher.run()
    assert pod.state.polls["error"] == 2


def test_never_gives_up_unless_told(root: Path, volume: Path) -> None:
    pod = Pod(root, volume)
    for _ in range(3):
        pod.tick(after=1e6)
    assert pod.watcher.fatal is None


def test_old_versions_are_removed_to_make_room_before_the_next_is_fetched(root: Path, volume: Path) -> None:
    pod = Pod(root, volume, asks=False, keep=Keep(versions=1, grace=300))
    for version in ("v1", "v2"):
        versions(root, version)
        pod.tick()
    assert sorted(pod.delivery.place.versions()) == ["v1", "v2"]
    os.utime(volume / "digits/versions/v1", (0, 0))
    versions(root, "v3")
    pod.store.short_by = 1
    pod.tick()
    assert pod.state.failures == 1
    assert pod.delivery.place.versions() == ["v2"]


def test_a_stop_is_no_failure(root: Path, volume: Path) -> None:
    versions(root, "v1")
    pod = Pod(root, volume)
    pod.delivery.stop.set()
    assert pod.tick() == 0
    assert (pod.state.failures, pod.state.last_error) == (0, "")
    pod.watcher.run()


def test_an_old_name_with_another_content_is_refused_and_the_model_stays(root: Path, volume: Path) -> None:
    versions(root, "v1", "v2")
    pod = Pod(root, volume, asks=False)
    pod.tick()
    shutil.rmtree(root)
    put(root, "v2", {"model.onnx": b"another"})
    pod.tick()
    assert "is on the volume with another content" in pod.state.last_error
    assert (volume / "digits/current/model.onnx").read_bytes() == b"v2"
