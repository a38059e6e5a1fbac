"""A version that the server refuses is undone; see Confirmation in docs/contract.md."""

from pathlib import Path

import pytest

from model_fetcher.errors import BundleRefused
from model_fetcher.fetch import Keep
from model_fetcher.publish import rollback
from model_fetcher.sources.file import FileSource
from unit.fetcher.pods import OTHER, REFUSED, SERVED, SILENT, Pod, versions
from unit.fetcher.stores import write_files


def test_a_refused_version_falls_back_to_the_confirmed_one(root: Path, volume: Path) -> None:
    versions(root, "v1")
    pod = Pod(root, volume)
    pod.tick()
    versions(root, "v2", "v3")
    pod.says["v3"] = REFUSED
    pod.tick()
    assert (pod.current, pod.state.current, pod.state.confirmed) == ("v1", "v1", "v1")
    assert pod.state.refused == {"v3": "example 1: 7 is no 9"}
    assert "version 'v3' was refused by the server (example 1: 7 is no 9): 'v1' stays" in pod.state.last_error
    for _ in range(3):
        pod.tick()
    assert (pod.current, pod.state.in_sync) == ("v1", False)
    assert pod.asked == ["v1", "v3"]


def test_a_refused_version_falls_back_while_the_store_is_away(root: Path, volume: Path) -> None:
    versions(root, "v1")
    pod = Pod(root, volume)
    pod.tick()
    versions(root, "v2")
    pod.says["v2"] = OTHER
    pod.tick()
    assert pod.current == "v2"
    pod.says["v2"] = REFUSED
    store_read = pod.store.read
    pod.store.read = lambda path, unless="": (  # type: ignore[method-assign]
        store_read(path, unless) if path.startswith("channels/") else pytest.fail("asked for a version")
    )
    pod.tick()
    assert pod.current == "v1"


def test_a_refused_version_of_a_plain_source_falls_back_to_the_confirmed_one(
    root: Path, volume: Path
) -> None:
    write_files(root, {"model.onnx": b"good"})
    pod = Pod(root, volume)
    pod.tick()
    good = pod.current
    write_files(root, {"model.onnx": b"not good"})
    pod.watcher._ask = lambda version: SERVED if version == good else REFUSED
    pod.tick()
    assert pod.current == good
    assert (volume / "digits/current/model.onnx").read_bytes() == b"good"


def test_a_new_pod_that_meets_a_refused_version_takes_the_one_before(root: Path, volume: Path) -> None:
    versions(root, "v1", "v2")
    pod = Pod(root, volume)
    pod.says["v2"] = REFUSED
    pod.tick()
    assert (pod.current, pod.state.refused) == ("v1", {"v2": REFUSED.reason})
    pod.tick()
    assert pod.state.confirmed == "v1"


def test_the_first_version_of_all_stays_though_it_is_refused(root: Path, volume: Path) -> None:
    versions(root, "v1")
    pod = Pod(root, volume)
    pod.says["v1"] = REFUSED
    pod.tick()
    assert (pod.current, pod.state.failures) == ("v1", 1)
    pod.tick()
    assert pod.current == "v1"


def test_a_version_before_that_is_refused_too_is_not_taken_back_and_forth(root: Path, volume: Path) -> None:
    versions(root, "v1", "v2")
    pod = Pod(root, volume)
    pod.says = {"v1": REFUSED, "v2": REFUSED}
    for _ in range(4):
        pod.tick()
    assert pod.state.refused == {"v1": REFUSED.reason, "v2": REFUSED.reason}
    assert pod.asked == ["v2", "v1"]


def test_the_quarantine_ends_when_the_channel_moves(root: Path, volume: Path) -> None:
    versions(root, "v1", "v2")
    pod = Pod(root, volume)
    pod.says["v2"] = REFUSED
    pod.tick()
    versions(root, "v3")
    pod.tick()
    assert (pod.current, pod.state.refused, pod.state.confirmed) == ("v3", {}, "v3")
    pod.says["v2"] = SERVED
    rollback(FileSource(root), "stable")
    pod.tick()
    assert (pod.current, pod.state.confirmed) == ("v2", "v2")


def test_silence_does_not_count_and_patience_begins_with_an_answer(root: Path, volume: Path) -> None:
    versions(root, "v1")
    pod = Pod(root, volume)
    pod.tick()
    versions(root, "v2")
    pod.says["v2"] = SILENT
    for _ in range(5):
        assert pod.tick(after=1000) == pytest.approx(1)
    assert pod.current == "v2"
    pod.says["v2"] = OTHER
    pod.tick(after=1000)
    pod.tick(after=59)
    assert pod.current == "v2"
    pod.says["v2"] = SILENT
    pod.tick(after=2)
    pod.says["v2"] = OTHER
    pod.tick(after=1000)
    pod.tick(after=60)
    assert pod.current == "v2"
    pod.tick(after=1)
    assert (pod.current, pod.state.refused) == ("v1", {"v2": "not served within 60 s"})


def test_a_version_that_is_served_in_time_is_confirmed_and_asked_for_no_more(
    root: Path, volume: Path
) -> None:
    versions(root, "v1")
    pod = Pod(root, volume)
    pod.says["v1"] = OTHER
    pod.tick()
    pod.says["v1"] = SERVED
    assert pod.tick(after=59) == pytest.approx(10)
    pod.tick(after=1000)
    assert (pod.state.confirmed, pod.asked) == ("v1", ["v1", "v1"])


def test_without_a_server_to_ask_nothing_is_undone(root: Path, volume: Path) -> None:
    versions(root, "v1", "v2")
    pod = Pod(root, volume, asks=False)
    assert pod.tick() == pytest.approx(10)
    assert (pod.current, pod.state.confirmed, pod.asked) == ("v2", None, [])


def test_a_refusal_is_an_error_with_a_code_of_its_own(root: Path, volume: Path) -> None:
    versions(root, "v1")
    pod = Pod(root, volume)
    pod.says["v1"] = REFUSED
    with pytest.raises(BundleRefused, match="publish a version that works"):
        pod.watcher._sync()


def test_the_confirmed_version_is_kept_to_fall_back_to(root: Path, volume: Path) -> None:
    versions(root, "v1")
    pod = Pod(root, volume, keep=Keep(versions=1, grace=0))
    pod.tick()
    for version in ("v2", "v3", "v4"):
        versions(root, version)
        pod.says[version] = SILENT
        pod.tick()
    assert sorted(pod.delivery.place.versions()) == ["v1", "v4"]
    pod.says["v4"] = REFUSED
    pod.tick()
    assert pod.current == "v1"


def test_a_restarted_fetcher_goes_back_to_what_it_found_on_disk(root: Path, volume: Path) -> None:
    versions(root, "v1")
    Pod(root, volume).tick()
    pod = Pod(root, volume)
    versions(root, "v2", "v3")
    pod.says["v3"] = REFUSED
    pod.tick()
    assert pod.current == "v1"


def test_the_server_is_asked_more_often_than_the_store(root: Path, volume: Path) -> None:
    versions(root, "v1")
    pod = Pod(root, volume)
    pod.says["v1"] = SILENT
    pod.tick()
    versions(root, "v2")
    assert pod.tick(after=1) == 1
    assert (pod.asked, pod.current) == (["v1", "v1"], "v1")
    pod.tick(after=10)
    assert pod.current == "v2"


def test_asking_the_server_does_not_put_off_the_next_look_at_the_store(root: Path, volume: Path) -> None:
    versions(root, "v1")
    pod = Pod(root, volume)
    pod.says["v1"] = OTHER
    waits = [pod.tick()]
    for _ in range(4):
        waits.append(pod.tick(after=waits[-1]))
    del pod.says["v1"]
    waits.append(pod.tick(after=waits[-1]))
    # Ten seconds between two looks at the store, whatever was asked of the server meanwhile.
    assert waits == [1, 1, 1, 1, 1, 5]
