"""Volumes that are read-only, full or somebody else's. Real file systems where the tests may mount them."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from model_fetcher.errors import VolumeError
from model_fetcher.sources.file import FileSource
from programs import fetcher, last_message, log_lines
from unit.fetcher.stores import delivery

MIB = 1 << 20


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store" / "digits"


def publish(store: Path, version: str, size: int = 10) -> None:
    """Publish a version of one file of random bytes, by the real program."""
    bundle = store.parent / f"bundle-{version}"
    bundle.mkdir(parents=True)
    (bundle / "model.onnx").write_bytes(os.urandom(size))
    done = fetcher("publish", bundle, store.as_uri(), "--version", version, "--no-check")
    assert done.returncode == 0, done.stderr


def failed(store: Path, volume: Path, *args: object) -> str:
    """What the fetcher said of the volume."""
    done = fetcher("fetch", store.as_uri(), "--volume", volume, *args)
    assert done.returncode == 6, done.stderr
    assert "Traceback" not in done.stderr
    return last_message(done)


@contextmanager
def tmpfs(where: Path, size: int) -> Iterator[Path]:
    """A small file system of its own; skips where mounting is not allowed."""
    where.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(where)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a small file system here: {mounted.stderr.decode().strip()}")
    try:
        yield where
    finally:
        subprocess.run(["umount", str(where)], check=True)


def test_a_read_only_volume_is_named_with_the_cure(store: Path, tmp_path: Path) -> None:
    publish(store, "v1")
    with tmpfs(tmp_path / "volume", MIB) as volume:
        subprocess.run(["mount", "-o", "remount,ro", str(volume)], check=True)
        said = failed(store, volume)
    assert said == (
        f"cannot write to {volume}/digits: Read-only file system; mount the volume read-write for the fetcher"
    )


def test_a_version_that_does_not_fit_is_refused_before_the_first_byte(store: Path, tmp_path: Path) -> None:
    publish(store, "v1")
    publish(store, "v2", 6 * MIB)
    with tmpfs(tmp_path / "volume", 4 * MIB) as volume:
        assert fetcher("fetch", store.as_uri(), "--volume", volume, "--version", "v1").returncode == 0
        said = failed(store, volume)
        assert "MiB free, the version needs 8 MiB: make the volume larger, or keep fewer versions" in said
        assert (volume / "digits/current").resolve().name == "v1"
        assert sum(file.stat().st_size for file in volume.glob("digits/.staging/v2/*")) == 0


class Filling(FileSource):
    """A store whose answers come while somebody else fills the volume."""

    def __init__(self, root: Path, theirs: Path, size: int) -> None:
        super().__init__(root)
        self.theirs, self.size = theirs, size

    def read_range(self, path: str, etag: str, offset: int, length: int) -> bytes:
        """See Source.read_range."""
        if not self.theirs.exists():
            self.theirs.write_bytes(bytes(self.size))
        return super().read_range(path, etag, offset, length)


def test_a_disk_that_fills_up_on_the_way_leaves_the_model_and_the_next_run_resumes(
    store: Path, tmp_path: Path
) -> None:
    publish(store, "v1")
    with tmpfs(tmp_path / "volume", 40 * MIB) as volume:
        fetch = ("fetch", store.as_uri(), "--volume", volume)
        assert fetcher(*fetch).returncode == 0
        publish(store, "v2", 30 * MIB)
        way = replace(delivery(store, volume), source=Filling(store, volume / "theirs", 20 * MIB))
        wanted = way.wanted()
        assert wanted is not None
        with pytest.raises(VolumeError, match="No space left on device; make the volume larger"):
            way.bring(wanted)
        assert (volume / "digits/current").resolve().name == "v1"
        assert [path.name for path in (volume / "digits/versions").iterdir()] == ["v1"]
        (volume / "theirs").unlink()
        done = fetcher(*fetch)
        assert done.returncode == 0, done.stderr
        (told,) = [line for line in log_lines(done.stderr) if line["message"] == "fetched"]
        assert told["resumed"] >= 8 * MIB
        assert told["resumed"] + told["fetched"] == 30 * MIB


def test_a_foreign_directory_is_refused_and_left_alone(store: Path, tmp_path: Path) -> None:
    publish(store, "v1")
    theirs = tmp_path / "volume/digits/current/theirs"
    theirs.mkdir(parents=True)
    said = failed(store, tmp_path / "volume")
    assert said.endswith(
        "is not a link, so something else keeps this directory: "
        "give the fetcher a directory of its own, or another --model"
    )
    assert theirs.is_dir()
    assert (
        fetcher("fetch", store.as_uri(), "--volume", tmp_path / "volume", "--model", "mine").returncode == 0
    )


def test_a_foreign_version_directory_is_refused_and_left_alone(store: Path, tmp_path: Path) -> None:
    publish(store, "v1")
    theirs = tmp_path / "volume/digits/versions/v1/theirs"
    theirs.mkdir(parents=True)
    said = failed(store, tmp_path / "volume")
    assert "versions/v1 was not made by the fetcher" in said
    assert theirs.is_dir()


def test_a_file_where_the_volume_should_be_is_named(store: Path, tmp_path: Path) -> None:
    publish(store, "v1")
    (tmp_path / "volume").write_text("a file")
    done = fetcher("fetch", store.as_uri(), "--volume", tmp_path / "volume")
    assert done.returncode == 2
    assert "--volume" in done.stderr


def test_what_a_file_system_has_at_its_root_is_left_alone(store: Path, tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    for folder in ("lost+found", "digits/lost+found"):
        (volume / folder).mkdir(parents=True)
        (volume / folder / "inode").write_bytes(b"x")
    for version in ("v1", "v2", "v3"):
        publish(store, version)
        args = ("--volume", volume, "--keep", "1", "--grace", "0s")
        assert fetcher("fetch", store.as_uri(), *args).returncode == 0
    assert (volume / "lost+found/inode").exists()
    assert (volume / "digits/lost+found/inode").exists()
    assert [path.name for path in (volume / "digits/versions").iterdir()] == ["v3"]
