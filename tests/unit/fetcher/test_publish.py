"""Writing to a store: bundles, versions, channels; and comparing what is in it."""

import json
from pathlib import Path
from threading import Event, Thread

import pytest

from model_fetcher.errors import BundleRefused, Conflict, IntegrityError, NotFound, StoreError
from model_fetcher.manifest import Manifest
from model_fetcher.publish import (
    default_version,
    list_versions,
    promote,
    publish,
    read_bundle,
    rollback,
    verify,
)
from model_fetcher.sources.base import Progress
from model_fetcher.sources.file import FileSource
from unit.fetcher.stores import NOW, SOME, manifest_of, powerless, put, write_files


def nothing(_: int) -> None:
    """No bar."""


def publish_to(source: FileSource, folder: Path, name: str = "v1") -> Manifest:
    return publish(source, read_bundle(folder), name, NOW, {"by": "test"}, nothing)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_files(tmp_path / "bundle", SOME)


def test_reads_a_bundle_without_its_hidden_files(bundle: Path) -> None:
    write_files(bundle, {".git/config": b"x", "sub/.cache": b"x"})
    read = read_bundle(bundle)
    assert read.files == tuple(sorted(manifest_of("x", SOME).files, key=lambda file: file.path))
    assert read.bytes == sum(map(len, SOME.values()))
    assert default_version(read, NOW) == f"20261123T083000Z-{manifest_of('x', SOME).digest[:8]}"


def test_an_empty_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleRefused, match="cannot be published: it lists no files"):
        read_bundle(tmp_path)


@pytest.mark.parametrize("name", ["manifest.json", "a\\b.onnx", "new\nline", "manifest.json/x"])
def test_a_bundle_that_no_fetcher_would_take_is_refused(bundle: Path, name: str) -> None:
    write_files(bundle, {name: b"x"})
    with pytest.raises(BundleRefused, match=f"bundle {bundle} cannot be published"):
        read_bundle(bundle)


@pytest.mark.parametrize("target", ["/etc/hostname", "../outside", "../outdir"])
def test_a_link_out_of_the_bundle_is_refused(bundle: Path, target: str) -> None:
    write_files(bundle.parent, {"outside": b"x", "outdir/x": b"x"})
    (bundle / "weights").symlink_to(target)
    with pytest.raises(BundleRefused, match="weights is a link out of the bundle: put the file itself there"):
        read_bundle(bundle)


@pytest.mark.parametrize("target", ["gone", "sub"])
def test_a_link_that_would_be_left_out_silently_is_refused(bundle: Path, target: str) -> None:
    (bundle / "weights").symlink_to(target)
    with pytest.raises(BundleRefused, match="weights is a link to a directory or to nothing"):
        read_bundle(bundle)


def test_a_link_to_a_file_of_the_bundle_is_that_file(bundle: Path) -> None:
    (bundle / "again.onnx").symlink_to("model.onnx")
    assert {file.path: file.bytes for file in read_bundle(bundle).files}["again.onnx"] == 7


def test_a_file_that_cannot_be_read_is_named(bundle: Path) -> None:
    (bundle / "model.onnx").chmod(0)
    with (
        powerless(bundle / "model.onnx"),
        pytest.raises(BundleRefused, match=r"Permission denied: .*model.onnx"),
    ):
        read_bundle(bundle)


def test_a_version_is_whole_once_its_manifest_is_there(root: Path, bundle: Path) -> None:
    manifest = publish_to(FileSource(root), bundle)
    assert manifest.digest == manifest_of("v1", SOME).digest
    document = json.loads((root / "versions/v1/manifest.json").read_text())
    assert (document["format"], document["version"], document["created"]) == (1, "v1", "2026-11-23T08:30:00Z")
    assert document["metadata"] == {"by": "test"}
    assert (root / "versions/v1/sub/labels.txt").read_bytes() == SOME["sub/labels.txt"]
    assert not (root / "channels").exists()


def test_publishing_the_same_again_changes_nothing(root: Path, bundle: Path) -> None:
    first = publish_to(FileSource(root), bundle)
    before = (root / "versions/v1/manifest.json").stat()
    assert publish_to(FileSource(root), bundle) == first
    assert (root / "versions/v1/manifest.json").stat() == before


def test_the_same_version_with_other_content_is_refused(root: Path, bundle: Path) -> None:
    publish_to(FileSource(root), bundle)
    write_files(bundle, {"model.onnx": b"WEIGHTS"})
    with pytest.raises(Conflict, match=r"version 'v1' is in file://.* with other content: choose another"):
        publish_to(FileSource(root), bundle)
    assert (root / "versions/v1/model.onnx").read_bytes() == b"weights"


class Dying(FileSource):
    """A store that goes away before the n-th file."""

    def __init__(self, root: Path, files: int) -> None:
        super().__init__(root)
        self.left = files

    def create(self, path: str, file: Path, progress: Progress) -> None:
        """See Source.create."""
        if not self.left:
            raise StoreError("the store is away")
        self.left -= 1
        super().create(path, file, progress)


def test_an_interrupted_publish_is_invisible_and_is_taken_up_where_it_was(root: Path, bundle: Path) -> None:
    with pytest.raises(StoreError):
        publish_to(Dying(root, files=1), bundle)
    assert [path.name for path in (root / "versions/v1").iterdir()] == ["model.onnx"]
    with pytest.raises(NotFound, match="there is no version in"):
        list_versions(FileSource(root))
    with pytest.raises(NotFound, match="version 'v1' is not in"):
        promote(FileSource(root), "stable", "v1")
    publish_to(Dying(root, files=1), bundle)
    verify(FileSource(root), "v1", nothing, Event())


@pytest.mark.parametrize("left", [b"WEIGHTS", b"weigh"])
def test_an_interrupted_publish_of_other_content_is_not_overwritten(
    root: Path, bundle: Path, left: bytes
) -> None:
    write_files(root / "versions/v1", {"model.onnx": left})
    with pytest.raises(Conflict, match=r"versions/v1/model.onnx is in file://.* with other content"):
        publish_to(FileSource(root), bundle)
    assert (root / "versions/v1/model.onnx").read_bytes() == left
    assert not (root / "versions/v1/manifest.json").exists()


def test_a_bundle_that_changes_while_it_is_published_never_becomes_a_version(
    root: Path, bundle: Path
) -> None:
    read = read_bundle(bundle)
    write_files(bundle, {"model.onnx": b"WEIGHTS"})
    with pytest.raises(
        BundleRefused, match=f"bundle {bundle} changed while it was published: publish it again"
    ):
        publish(FileSource(root), read, "v1", NOW, {}, nothing)
    assert not (root / "versions/v1/manifest.json").exists()


def test_of_two_that_publish_the_same_version_with_other_content_one_is_refused(
    root: Path, tmp_path: Path
) -> None:
    said: list[Exception] = []

    def run(content: bytes) -> None:
        try:
            publish_to(FileSource(root), write_files(tmp_path / content.decode(), {"model.onnx": content}))
        except Conflict as error:
            said.append(error)

    threads = [Thread(target=run, args=(content,)) for content in (b"one", b"two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said) == 1
    verify(FileSource(root), "v1", nothing, Event())


def test_of_many_that_move_the_channel_at_once_none_is_lost(root: Path) -> None:
    names = [f"v{number}" for number in range(6)]
    for name in names:
        put(root, name, {"model.onnx": name.encode()}, channel="other")
    threads = [Thread(target=promote, args=(FileSource(root), "stable", name)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    document = json.loads((root / "channels/stable.json").read_text())
    assert sorted([document["version"], *document["history"]]) == names


def test_rollback_and_promote_move_the_channel_as_the_contract_says(root: Path) -> None:
    source = FileSource(root)
    for name in ("v1", "v2", "v3"):
        put(root, name, {"model.onnx": name.encode()})
    assert rollback(source, "stable").version == "v2"
    assert rollback(source, "stable").version == "v1"
    with pytest.raises(NotFound, match="channel 'stable' has no version before 'v1'"):
        rollback(source, "stable")
    moved = promote(source, "stable", "v3", percent=30)
    assert (moved.version, moved.previous, moved.percent) == ("v3", "v1", 30)


def test_only_what_is_there_can_be_promoted_or_rolled_back(root: Path) -> None:
    put(root, "v1")
    with pytest.raises(NotFound, match=r"version 'v2' is not in file://.*; there are: v1"):
        promote(FileSource(root), "stable", "v2")
    with pytest.raises(NotFound, match=r"channel 'nightly' is not in .*: publish or promote a version first"):
        rollback(FileSource(root), "nightly")


def test_a_damaged_channel_is_not_overwritten(root: Path) -> None:
    put(root, "v1")
    write_files(root, {"channels/stable.json": b"{"})
    with pytest.raises(IntegrityError, match=r"channels/stable.json of file://.* is not a channel"):
        promote(FileSource(root), "stable", "v1")
    assert (root / "channels/stable.json").read_bytes() == b"{"


class Restless(FileSource):
    """A store where somebody else is always quicker."""

    def write(self, path: str, data: bytes, replacing: str) -> None:
        """See Source.write."""
        raise Conflict("too late")


def test_a_channel_that_never_holds_still_is_given_up_in_the_end(root: Path) -> None:
    put(root, "v1")
    with pytest.raises(Conflict, match=r"channel 'stable' of file://.* keeps changing: try again"):
        promote(Restless(root), "stable", "v1")


def test_lists_versions_by_age_with_their_channels(root: Path) -> None:
    put(root, "v2", {"model.onnx": b"2"})
    put(root, "v1", {"model.onnx": b"1"})
    put(root, "v1", {"model.onnx": b"1"}, channel="canary")
    write_files(root, {"channels/README.txt": b"not a channel"})
    listed = [(entry.manifest.version, entry.channels) for entry in list_versions(FileSource(root))]
    assert listed == [("v1", ("canary", "stable")), ("v2", ())]


def test_verify_lists_every_file_that_differs(root: Path) -> None:
    put(root, "v1", SOME | {"fine": b"fine"})
    verify(FileSource(root), "v1", nothing, Event())
    write_files(root / "versions/v1", {"model.onnx": b"WEIGHTS", "sub/labels.txt": b"ZERO\none\n"})
    with pytest.raises(IntegrityError, match=r"is damaged: model.onnx, sub/labels.txt; publish it anew"):
        verify(FileSource(root), "v1", nothing, Event())


def test_verify_names_a_file_that_is_gone(root: Path) -> None:
    put(root, "v1")
    (root / "versions/v1/model.onnx").unlink()
    with pytest.raises(NotFound, match=r"'versions/v1/model.onnx'"):
        verify(FileSource(root), "v1", nothing, Event())
