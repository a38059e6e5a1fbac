"""From a wanted version to a complete directory: resume, links, hashes, space."""

import errno
import hashlib
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from model_fetcher.errors import IntegrityError, SourceChanged, Stopped, StoreError, VolumeError
from model_fetcher.manifest import MANIFEST, File, Manifest, parse_manifest
from model_fetcher.resolve import Wanted, resolve
from model_fetcher.staging import Stage, disk_errors
from unit.fetcher.stores import SOME, FaultyStore, manifest_of, put, write_files


class Staged:
    """A published version and a stage to bring it to."""

    def __init__(self, root: Path, files: Mapping[str, bytes] = SOME) -> None:
        put(root, "v1", files)
        self.store = FaultyStore(root)
        found = resolve(self.store, "stable", "pod")
        assert found is not None
        self.wanted: Wanted = found
        self.folder = root.parent / ".staging" / "v1"
        self.ways: Counter[str] = Counter()
        self.stop = Event()
        self.have: dict[str, Path] = {}

    def fill(self) -> Manifest:
        """Bring the version to the stage."""
        return Stage(self.folder, self.have, self.count, self.stop).fill(self.store, self.wanted)

    def count(self, way: str, moved: int) -> None:
        """Add up what came by which way."""
        self.ways[way] += moved

    def contents(self) -> dict[str, bytes]:
        """The files of the bundle that are there."""
        paths = (path for path in self.folder.rglob("*") if path.is_file() and path.name != MANIFEST)
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in paths}


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_brings_every_file_and_the_manifest(root: Path) -> None:
    staged = Staged(root, SOME | {"empty": b""})
    manifest = staged.fill()
    assert staged.contents() == SOME | {"empty": b""}
    assert parse_manifest((staged.folder / MANIFEST).read_bytes(), "x") == manifest
    assert staged.ways == {"fetched": sum(map(len, SOME.values()))}


def test_goes_on_where_an_earlier_download_was_cut_off(root: Path) -> None:
    staged = Staged(root)
    write_files(staged.folder, {"model.onnx": b"weig", "sub/labels.txt": SOME["sub/labels.txt"]})
    staged.fill()
    assert staged.contents() == SOME
    assert [(path, offset) for path, offset, _ in staged.store.ranges] == [("versions/v1/model.onnx", 4)]
    assert staged.ways == {"resumed": 4 + len(SOME["sub/labels.txt"]), "fetched": 3}


def test_a_whole_file_that_is_wrong_is_fetched_again(root: Path) -> None:
    staged = Staged(root)
    write_files(staged.folder, {"model.onnx": b"WEIGHTS"})
    staged.fill()
    assert staged.contents() == SOME
    assert "resumed" not in staged.ways


def test_a_file_that_is_too_long_is_fetched_again(root: Path) -> None:
    staged = Staged(root)
    write_files(staged.folder, {"model.onnx": b"weights and more"})
    staged.fill()
    assert staged.contents() == SOME


def test_a_wrong_beginning_is_thrown_away_and_the_next_attempt_fetches_it_whole(root: Path) -> None:
    staged = Staged(root)
    write_files(staged.folder, {"model.onnx": b"\0\0\0\0"})
    with pytest.raises(
        SourceChanged, match=r"'model.onnx' was resumed and came out wrong: it is fetched whole"
    ):
        staged.fill()
    staged.fill()
    assert staged.contents() == SOME


def test_a_file_that_does_not_match_its_hash_is_thrown_away(root: Path) -> None:
    staged = Staged(root)
    (root / "versions/v1/model.onnx").write_bytes(b"WEIGHTS")
    with pytest.raises(IntegrityError, match=f"'model.onnx' has sha256 {sha(b'WEIGHTS')}, its manifest says"):
        staged.fill()
    assert not (staged.folder / "model.onnx").exists()
    assert not (staged.folder / MANIFEST).exists()


def test_a_damaged_file_ends_the_download_before_the_others_are_fetched(root: Path) -> None:
    staged = Staged(root, {f"part-{number:02}": b"x" for number in range(40)})
    (root / "versions/v1/part-00").write_bytes(b"X")
    with pytest.raises(IntegrityError, match="'part-00' has sha256"):
        staged.fill()
    assert len(staged.store.ranges) < 20


def test_an_empty_file_with_a_wrong_hash_is_refused(root: Path) -> None:
    staged = Staged(root, {"model.onnx": b"x", "empty": b""})
    files = [replace(f, sha256=sha(b"x")) for f in staged.wanted.manifest.files]
    staged.wanted = replace(staged.wanted, manifest=replace(staged.wanted.manifest, files=tuple(files)))
    with pytest.raises(IntegrityError, match="'empty' has sha256"):
        staged.fill()


def test_an_unchanged_file_is_linked_and_not_fetched(root: Path, tmp_path: Path) -> None:
    staged = Staged(root)
    old = write_files(tmp_path / "old", {"weights": SOME["model.onnx"]}) / "weights"
    staged.have = {sha(SOME["model.onnx"]): old}
    staged.fill()
    assert (staged.folder / "model.onnx").samefile(old)
    assert [path for path, _, _ in staged.store.ranges] == ["versions/v1/sub/labels.txt"]
    assert staged.ways["linked"] == 7


def test_a_corrupted_file_of_another_version_is_fetched_and_left_as_it_is(root: Path, tmp_path: Path) -> None:
    staged = Staged(root)
    old = write_files(tmp_path / "old", {"weights": b"wEights"}) / "weights"
    staged.have = {sha(SOME["model.onnx"]): old}
    staged.fill()
    assert staged.contents() == SOME
    assert old.read_bytes() == b"wEights"
    assert "linked" not in staged.ways


def test_a_file_system_without_links_makes_it_fetch(root: Path) -> None:
    elsewhere = Path("/dev/shm")
    if not elsewhere.is_dir() or elsewhere.stat().st_dev == root.parent.parent.stat().st_dev:
        pytest.skip("needs two file systems: no link leads from one to the other")
    staged = Staged(root)
    old = elsewhere / f"model-fetcher-test-{os.getpid()}"
    try:
        old.write_bytes(SOME["model.onnx"])
        staged.have = {sha(SOME["model.onnx"]): old}
        staged.fill()
    finally:
        old.unlink(missing_ok=True)
    assert staged.contents() == SOME
    assert "linked" not in staged.ways


def test_a_linked_file_that_went_bad_in_staging_is_replaced_without_writing_to_the_other_version(
    root: Path, tmp_path: Path
) -> None:
    staged = Staged(root)
    old = write_files(tmp_path / "old", {"weights": b"WEIGHTS"}) / "weights"
    staged.folder.mkdir(parents=True)
    os.link(old, staged.folder / "model.onnx")
    staged.fill()
    assert staged.contents() == SOME
    assert old.read_bytes() == b"WEIGHTS"


def test_hashes_of_a_plain_source_are_made(root: Path) -> None:
    write_files(root, SOME)
    store = FaultyStore(root)
    wanted = resolve(store, "stable", "pod")
    assert wanted is not None
    manifest = Stage(root.parent / "stage", {}, lambda way, n: None, Event()).fill(store, wanted)
    assert manifest.digest == manifest_of("any", SOME).digest


def test_too_little_space_is_told_before_the_first_byte(root: Path) -> None:
    staged = Staged(root)
    files = (File("model.onnx", 1 << 60, sha(b"")),)
    staged.wanted = replace(staged.wanted, manifest=replace(staged.wanted.manifest, files=files))
    with pytest.raises(VolumeError, match=r"MiB free, the version needs \d+ MiB: make the volume larger"):
        staged.fill()
    assert staged.store.ranges == []


def test_a_stop_leaves_what_is_there_for_the_next_run(root: Path) -> None:
    staged = Staged(root)
    write_files(staged.folder, {"model.onnx": b"wei"})
    staged.stop.set()
    with pytest.raises(Stopped):
        staged.fill()
    assert (staged.folder / "model.onnx").read_bytes() == b"wei"


def test_a_store_that_fails_leaves_what_is_there_for_the_next_run(root: Path) -> None:
    staged = Staged(root)
    write_files(staged.folder, {"model.onnx": b"wei"})
    staged.store.short_by = 1
    with pytest.raises(StoreError):
        staged.fill()
    staged.store.short_by = 0
    staged.fill()
    assert staged.contents() == SOME
    assert staged.ways["resumed"] >= 3


@pytest.mark.parametrize(
    ("number", "cure"),
    [
        (errno.ENOSPC, "make the volume larger"),
        (errno.EDQUOT, "raise the quota"),
        (errno.EROFS, "mount the volume read-write"),
        (errno.EACCES, "fsGroup"),
        (errno.EPERM, "fsGroup"),
        (errno.EIO, "check the volume"),
    ],
)
def test_an_error_of_the_disk_names_the_place_and_the_cure(number: int, cure: str) -> None:
    with (
        pytest.raises(VolumeError, match=f"cannot write to /models/digits: .*{cure}"),
        disk_errors(Path("/models/digits")),
    ):
        raise OSError(number, os.strerror(number))
