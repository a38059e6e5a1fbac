"""What goes wrong with a store of each kind: the exit code, and a message that names thing and cure."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blobs import Store
from programs import failed, fetcher, fetcher_command


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    return tmp_path / "volume"


def test_a_missing_container_or_bucket_is_named(store: Store, tmp_path: Path, volume: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle/model.onnx").write_bytes(b"x")
    url = store.missing
    for command in (
        ("fetch", url, "--volume", volume),
        ("versions", url),
        ("publish", tmp_path / "bundle", url, "--no-check"),
    ):
        said = failed(3, *command, env=store.env)
        assert f"'{url.split('/')[-3]}' of " in said
        assert said.endswith("create it or correct the source")


def test_what_is_missing_is_named_with_what_is_there(store: Store, tmp_path: Path, volume: Path) -> None:
    to = ("--volume", volume)
    said = failed(3, "fetch", store.url, *to, env=store.env)
    assert said == f"there is nothing at {store.url}: publish a model, or correct the source"
    store.publish_files(tmp_path, "v1", {"model.onnx": b"x"})
    said = failed(3, "fetch", store.url, *to, "--channel", "nightly", env=store.env)
    assert said == f"channel 'nightly' is not in {store.url}; there are: stable. Publish to it first"
    said = failed(3, "fetch", store.url, *to, "--version", "v9", env=store.env)
    assert said == f"version 'v9' is not in {store.url}; there are: v1"
    assert failed(3, "promote", store.url, "v9", env=store.env) == said
    assert failed(3, "verify", store.url, "v9", env=store.env) == said
    said = failed(3, "rollback", store.url, env=store.env)
    assert said == "channel 'stable' has no version before 'v1': name one with 'promote'"


def test_a_plain_source_has_nothing_to_verify_against(store: Store) -> None:
    store.upload("model.onnx", b"x")
    assert "has no manifest to compare with" in failed(3, "verify", store.url, env=store.env)


Change = Callable[[dict[str, Any]], object]


def _twice(document: dict[str, Any]) -> None:
    document["files"].append(document["files"][0])


CHANGES: dict[str, tuple[Change, str]] = {
    "parent": (lambda d: d["files"][0].update(path="../../escaped"), "leaves its directory"),
    "absolute": (lambda d: d["files"][0].update(path="/tmp/escaped"), "leaves its directory"),
    "twice": (_twice, "it lists a path twice"),
    "wrong-hash": (lambda d: d["files"][0].update(sha256="0" * 64), "its manifest says 0000"),
    "wrong-size": (lambda d: d["files"][0].update(bytes=6), "has 7 bytes, its manifest says 6"),
    "too-large": (lambda d: d["files"][0].update(bytes=8), "has 7 bytes, its manifest says 8"),
    "another": (lambda d: d.update(version="v2"), "is that of version 'v2'"),
    "newer": (lambda d: d.update(format=2), "format is 2, this program reads 1"),
}


def test_a_manifest_that_lies_is_refused_and_the_model_on_disk_stays(
    store: Store, tmp_path: Path, volume: Path
) -> None:
    store.publish_files(tmp_path, "v0", {"model.onnx": b"before"})
    assert fetcher("fetch", store.url, "--volume", volume, env=store.env).returncode == 0
    store.publish_files(tmp_path, "v1", {"model.onnx": b"weights"})
    manifest = store.download("versions/v1/manifest.json")
    for change, (alter, expected) in CHANGES.items():
        document = json.loads(manifest)
        alter(document)
        store.upload("versions/v1/manifest.json", json.dumps(document).encode())
        said = failed(5, "fetch", store.url, "--volume", volume, env=store.env)
        assert expected in said, change
        assert (volume / "digits/current/model.onnx").read_bytes() == b"before"
        assert [path.name for path in (volume / "digits/versions").iterdir()] == ["v0"]
        assert not list(tmp_path.rglob("escaped"))
    store.upload("versions/v1/manifest.json", manifest)
    assert fetcher("fetch", store.url, "--volume", volume, env=store.env).returncode == 0
    assert (volume / "digits/current/model.onnx").read_bytes() == b"weights"


def test_documents_that_are_not_json_are_named(store: Store, tmp_path: Path, volume: Path) -> None:
    store.publish_files(tmp_path, "v1", {"model.onnx": b"x"})
    store.upload("versions/v1/manifest.json", b"<html>not json")
    said = failed(5, "fetch", store.url, "--volume", volume, env=store.env)
    assert said.startswith(f"versions/v1/manifest.json of {store.url} is not JSON")
    store.upload("channels/stable.json", b"<html>not json")
    said = failed(5, "fetch", store.url, "--volume", volume, env=store.env)
    assert said.startswith(f"channels/stable.json of {store.url} is not a channel")


def test_the_same_version_with_other_content_is_a_conflict(store: Store, tmp_path: Path) -> None:
    store.publish_files(tmp_path, "v1", {"model.onnx": b"one"})
    (tmp_path / "v1/model.onnx").write_bytes(b"two")
    args = ("publish", tmp_path / "v1", store.url, "--version", "v1", "--no-check")
    assert "with other content: choose another --version" in failed(8, *args, env=store.env)
    (tmp_path / "v1/model.onnx").write_bytes(b"one")
    assert fetcher(*args, env=store.env).returncode == 0


def test_a_bundle_that_fails_its_check_is_not_published(store: Store, tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    args = ("publish", tmp_path / "bundle", store.url, "--check")
    assert "it lists no files" in failed(7, *args, "true", env=store.env)
    (tmp_path / "bundle/model.onnx").write_bytes(b"x")
    said = failed(7, *args, "sh -c 'echo no good >&2; exit 3'", env=store.env)
    assert "(exit 3): no good; nothing was published" in said
    assert store.names() == []


def test_an_interrupted_publish_is_taken_up(store: Store, tmp_path: Path) -> None:
    store.upload("versions/v1/a", b"there already")
    store.publish_files(tmp_path, "v1", {"a": b"there already", "b": b"new"})
    assert store.download("versions/v1/a") == b"there already"
    assert fetcher("verify", store.url, "v1", env=store.env).returncode == 0


def test_a_store_that_is_down_is_no_error_where_a_model_is_on_the_volume(
    store: Store, tmp_path: Path, volume: Path
) -> None:
    store.publish_files(tmp_path, "v1", {"model.onnx": b"x"})
    assert fetcher("fetch", store.url, "--volume", volume, env=store.env).returncode == 0
    commands = [fetcher_command("fetch", store.url, "--volume", to) for to in (volume, tmp_path / "new")]
    running = [
        subprocess.Popen(command, env=store.down(), stderr=subprocess.PIPE, text=True) for command in commands
    ]
    with_model, without = (json.loads(p.communicate(timeout=180)[1].splitlines()[-1]) for p in running)
    assert [process.returncode for process in running] == [0, 1]
    assert (with_model["level"], with_model["version"]) == ("warning", "v1")
    assert with_model["message"] == "the store is away; the version on disk is served"
    assert "onnection refused" in with_model["reason"]
    assert "cannot read 'channels/stable.json'" in without["message"]
