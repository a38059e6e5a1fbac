"""From a source to the version that is wanted."""

import json
import os
from pathlib import Path

import pytest

from model_fetcher.errors import IntegrityError, NotFound
from model_fetcher.publish import promote
from model_fetcher.resolve import Wanted, resolve, version, versions
from model_fetcher.sources.file import FileSource
from unit.fetcher.stores import put, write_files


def wanted(root: Path, seen: Wanted | None = None) -> Wanted:
    found = resolve(FileSource(root), "stable", "pod", seen)
    assert found is not None
    return found


def test_follows_the_channel_and_knows_the_version_before(root: Path) -> None:
    put(root, "v1")
    put(root, "v2", {"model.onnx": b"two"})
    found = wanted(root)
    assert (found.manifest.version, found.previous, found.plain) == ("v2", "v1", False)
    assert found.blob(found.manifest.files[0]) == "versions/v2/model.onnx"


def test_an_unchanged_channel_is_nothing_new_and_a_moved_one_is(root: Path) -> None:
    put(root, "v1")
    seen = wanted(root)
    assert resolve(FileSource(root), "stable", "pod", seen) is None
    put(root, "v2", {"model.onnx": b"two"})
    assert wanted(root, seen).manifest.version == "v2"


def test_a_partial_rollout_leaves_the_other_pods_on_the_version_before(root: Path) -> None:
    put(root, "v1")
    put(root, "v2", {"model.onnx": b"two"})
    promote(FileSource(root), "stable", "v2", percent=0)
    assert wanted(root).manifest.version == "v1"


def test_a_missing_channel_is_named_with_those_that_there_are(root: Path) -> None:
    put(root, "v1", channel="canary")
    with pytest.raises(NotFound, match=r"channel 'stable' is not in file://.*; there are: canary"):
        wanted(root)


def test_versions_without_any_channel_are_no_plain_source(root: Path) -> None:
    put(root, "v1")
    (root / "channels/stable.json").unlink()
    with pytest.raises(NotFound, match=r"channel 'stable' .*there are: none. Publish to it first"):
        wanted(root)


def test_a_missing_version_is_named_with_those_that_there_are(root: Path) -> None:
    put(root, "v1")
    with pytest.raises(NotFound, match=r"version 'v9' is not in file://.*; there are: v1"):
        version(FileSource(root), "v9")


def test_a_half_upload_is_no_version(root: Path) -> None:
    put(root, "v1")
    write_files(root / "versions/v2", {"model.onnx": b"half", "sub/manifest.json": b"{}"})
    assert versions(FileSource(root)) == ["v1"]


def test_a_channel_that_points_at_nothing_says_so(root: Path) -> None:
    put(root, "v1")
    (root / "channels/stable.json").write_text('{"version": "v7"}')
    with pytest.raises(NotFound, match="version 'v7' is not in"):
        wanted(root)


def test_the_manifest_of_another_version_is_refused(root: Path) -> None:
    put(root, "v1")
    path = root / "versions/v1/manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": "v2"}))
    with pytest.raises(IntegrityError, match="is that of version 'v2'"):
        version(FileSource(root), "v1")


def test_a_plain_prefix_is_a_bundle_of_all_its_files(root: Path) -> None:
    write_files(root, {"model.onnx": b"one", "sub/labels.txt": b"a", ".hidden": b"no"})
    found = wanted(root)
    assert found.plain
    assert [file.path for file in found.manifest.files] == ["model.onnx", "sub/labels.txt"]
    assert found.manifest.version.startswith("plain-")
    assert len(found.manifest.version) == len("plain-") + 12
    assert resolve(FileSource(root), "stable", "pod", found) is None


def test_a_plain_source_gets_another_version_when_a_file_is_written_again(root: Path) -> None:
    write_files(root, {"model.onnx": b"one"})
    before = wanted(root)
    os.utime(root / "model.onnx", ns=(1, 1))
    after = wanted(root, before)
    assert after.manifest.version != before.manifest.version


@pytest.mark.parametrize(("name", "path"), [("digits.onnx", "model.onnx"), ("weights.bin", "weights.bin")])
def test_a_plain_blob_is_the_one_file_of_its_bundle(tmp_path: Path, name: str, path: str) -> None:
    write_files(tmp_path, {name: b"one"})
    found = wanted(tmp_path / name)
    (file,) = found.manifest.files
    assert (file.path, file.bytes, found.blob(file)) == (path, 3, "")
    assert resolve(FileSource(tmp_path / name), "stable", "pod", found) is None


def test_nothing_at_the_source_is_an_error(root: Path) -> None:
    with pytest.raises(
        NotFound, match=r"there is nothing at file://.*: publish a model, or correct the source"
    ):
        wanted(root)


def test_a_plain_source_that_vanished_is_an_error_and_not_an_empty_model(root: Path) -> None:
    write_files(root, {"model.onnx": b"one"})
    seen = wanted(root)
    (root / "model.onnx").unlink()
    with pytest.raises(NotFound, match="there is nothing at"):
        wanted(root, seen)


def test_a_plain_source_that_becomes_published_is_followed_by_its_channel(root: Path) -> None:
    write_files(root, {"model.onnx": b"plain"})
    seen = wanted(root)
    put(root, "v1")
    assert wanted(root, seen).manifest.version == "v1"
    (root / "model.onnx").unlink()
    assert wanted(root, seen).manifest.version == "v1"


def test_the_first_publish_into_a_plain_source_is_not_seen_half(root: Path) -> None:
    write_files(root, {"model.onnx": b"plain"})
    seen = wanted(root)
    write_files(root, {"versions/v1/model.onnx": b"half"})
    with pytest.raises(NotFound, match="channel 'stable' is not in"):
        wanted(root, seen)


@pytest.mark.parametrize("name", ["manifest.json", "sub/a\\b", "sub/new\nline"])
def test_a_plain_source_with_a_name_that_cannot_be_delivered_is_named(root: Path, name: str) -> None:
    write_files(root, {"model.onnx": b"one", name: b"x"})
    with pytest.raises(IntegrityError, match=r"^file://.* cannot be taken as a bundle"):
        wanted(root)
