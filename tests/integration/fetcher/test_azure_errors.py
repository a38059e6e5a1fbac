"""What goes wrong with Azure Blob Storage: the exit code, and a message that names the thing and the cure."""

import base64
import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from programs import fetcher, fetcher_command, last_message

WRONG_KEY = base64.b64encode(b"not the key of this account").decode()


def failed(code: int, *args: object, env: dict[str, str] | None = None) -> str:
    """What the program said last; it must end with this code, and not by a traceback."""
    done = fetcher(*args, env=env)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return last_message(done)


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    return tmp_path / "volume"


def test_a_wrong_key_is_denied_with_the_cure_and_is_not_told(azure: Any, volume: Path) -> None:
    env = {"AZURE_STORAGE_KEY": WRONG_KEY}
    done = fetcher("fetch", azure.url, "--volume", volume, "--endpoint", azure.endpoint, env=env)
    assert done.returncode == 4
    assert last_message(done).endswith("check AZURE_STORAGE_KEY")
    assert WRONG_KEY not in done.stderr
    text = azure.connection_string.replace(azure.key, WRONG_KEY)
    said = failed(4, "versions", azure.url, env={"AZURE_STORAGE_CONNECTION_STRING": text})
    assert said.endswith("check AZURE_STORAGE_CONNECTION_STRING")
    assert WRONG_KEY not in said


def test_a_key_that_is_not_base64_is_denied_with_the_cure(azure: Any) -> None:
    env = {"AZURE_STORAGE_KEY": "not base64!"}
    said = failed(4, "versions", azure.url, "--endpoint", azure.endpoint, env=env)
    assert said.endswith("check AZURE_STORAGE_KEY")
    assert "not base64!" not in said


@pytest.mark.parametrize(
    ("minutes", "code"), [(-5, "AuthenticationFailed"), (5, "AuthorizationPermissionMismatch")]
)
def test_a_sas_that_has_expired_or_does_not_permit_it_is_denied(
    azure: Any, tmp_path: Path, minutes: int, code: str
) -> None:
    token = generate_container_sas(
        azure.account,
        azure.client.container_name,
        account_key=azure.key,
        permission=ContainerSasPermissions(read=True, list=True),
        start=datetime.now(UTC) - timedelta(hours=1),
        expiry=datetime.now(UTC) + timedelta(minutes=minutes),
    )
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle/model.onnx").write_bytes(b"x")
    args = ("publish", tmp_path / "bundle", azure.url, "--no-check", "--endpoint", azure.endpoint)
    said = failed(4, *args, env={"AZURE_STORAGE_SAS_TOKEN": token})
    assert said.endswith("check that AZURE_STORAGE_SAS_TOKEN has not expired and permits this")
    assert token.rpartition("sig=")[2] not in said
    assert azure.names() == []


def test_a_private_container_is_denied_to_anonymous(azure: Any, volume: Path) -> None:
    args = ("--volume", volume, "--endpoint", azure.endpoint, "--auth", "anonymous")
    said = failed(4, "fetch", azure.url, *args)
    assert said.endswith("the container is not public: set one of the AZURE_STORAGE_… variables")


def test_a_method_without_its_variable_is_denied_with_the_cure(azure: Any, volume: Path) -> None:
    said = failed(4, "fetch", azure.url, "--volume", volume, "--auth", "sas")
    assert said == "--auth sas needs AZURE_STORAGE_SAS_TOKEN: set it, or choose another method"


def test_a_missing_container_is_named(azure: Any, volume: Path) -> None:
    url = f"az://{azure.account}/no-such-container/models/digits"
    said = failed(3, "fetch", url, "--volume", volume, env=azure.env)
    assert "container 'no-such-container' of 'devstoreaccount1' is not there" in said
    assert "create it or correct the source" in said
    assert failed(3, "versions", url, env=azure.env).endswith("create it or correct the source")


def test_publishing_to_a_missing_container_names_it(azure: Any, tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle/model.onnx").write_bytes(b"x")
    url = f"az://{azure.account}/no-such-container/models/digits"
    said = failed(3, "publish", tmp_path / "bundle", url, "--no-check", env=azure.env)
    assert "container 'no-such-container'" in said


def test_what_is_missing_is_named_with_what_is_there(azure: Any, tmp_path: Path, volume: Path) -> None:
    to = ("--volume", volume)
    said = failed(3, "fetch", azure.url, *to, env=azure.env)
    assert said == f"there is nothing at {azure.url}: publish a model, or correct the source"
    azure.publish_files(tmp_path, "v1", {"model.onnx": b"x"})
    said = failed(3, "fetch", azure.url, *to, "--channel", "nightly", env=azure.env)
    assert said == f"channel 'nightly' is not in {azure.url}; there are: stable. Publish to it first"
    said = failed(3, "fetch", azure.url, *to, "--version", "v9", env=azure.env)
    assert said == f"version 'v9' is not in {azure.url}; there are: v1"
    assert failed(3, "promote", azure.url, "v9", env=azure.env) == said
    assert failed(3, "verify", azure.url, "v9", env=azure.env) == said
    said = failed(3, "rollback", azure.url, env=azure.env)
    assert said == "channel 'stable' has no version before 'v1': name one with 'promote'"


def test_a_plain_source_has_nothing_to_verify_against(azure: Any) -> None:
    azure.upload("model.onnx", b"x")
    assert "has no manifest to compare with" in failed(3, "verify", azure.url, env=azure.env)


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
    azure: Any, tmp_path: Path, volume: Path
) -> None:
    azure.publish_files(tmp_path, "v0", {"model.onnx": b"before"})
    assert fetcher("fetch", azure.url, "--volume", volume, env=azure.env).returncode == 0
    azure.publish_files(tmp_path, "v1", {"model.onnx": b"weights"})
    manifest = azure.download("versions/v1/manifest.json")
    for change, (alter, expected) in CHANGES.items():
        document = json.loads(manifest)
        alter(document)
        azure.upload("versions/v1/manifest.json", json.dumps(document).encode())
        said = failed(5, "fetch", azure.url, "--volume", volume, env=azure.env)
        assert expected in said, change
        assert (volume / "digits/current/model.onnx").read_bytes() == b"before"
        assert [path.name for path in (volume / "digits/versions").iterdir()] == ["v0"]
        assert not list(tmp_path.rglob("escaped"))
    azure.upload("versions/v1/manifest.json", manifest)
    assert fetcher("fetch", azure.url, "--volume", volume, env=azure.env).returncode == 0
    assert (volume / "digits/current/model.onnx").read_bytes() == b"weights"


def test_documents_that_are_not_json_are_named(azure: Any, tmp_path: Path, volume: Path) -> None:
    azure.publish_files(tmp_path, "v1", {"model.onnx": b"x"})
    azure.upload("versions/v1/manifest.json", b"<html>not json")
    said = failed(5, "fetch", azure.url, "--volume", volume, env=azure.env)
    assert said.startswith(f"versions/v1/manifest.json of {azure.url} is not JSON")
    azure.upload("channels/stable.json", b"<html>not json")
    said = failed(5, "fetch", azure.url, "--volume", volume, env=azure.env)
    assert said.startswith(f"channels/stable.json of {azure.url} is not a channel")


def test_the_same_version_with_other_content_is_a_conflict(azure: Any, tmp_path: Path) -> None:
    azure.publish_files(tmp_path, "v1", {"model.onnx": b"one"})
    (tmp_path / "v1/model.onnx").write_bytes(b"two")
    args = ("publish", tmp_path / "v1", azure.url, "--version", "v1", "--no-check")
    assert "with other content: choose another --version" in failed(8, *args, env=azure.env)
    (tmp_path / "v1/model.onnx").write_bytes(b"one")
    assert fetcher(*args, env=azure.env).returncode == 0


def test_a_bundle_that_fails_its_check_is_not_published(azure: Any, tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    args = ("publish", tmp_path / "bundle", azure.url, "--check")
    assert "it lists no files" in failed(7, *args, "true", env=azure.env)
    (tmp_path / "bundle/model.onnx").write_bytes(b"x")
    said = failed(7, *args, "sh -c 'echo no good >&2; exit 3'", env=azure.env)
    assert "(exit 3): no good; nothing was published" in said
    assert azure.names() == []


def test_an_interrupted_publish_is_taken_up(azure: Any, tmp_path: Path) -> None:
    azure.upload("versions/v1/a", b"there already")
    azure.publish_files(tmp_path, "v1", {"a": b"there already", "b": b"new"})
    assert azure.download("versions/v1/a") == b"there already"
    assert fetcher("verify", azure.url, "v1", env=azure.env).returncode == 0


def test_a_store_that_is_down_is_no_error_where_a_model_is_on_the_volume(
    azure: Any, tmp_path: Path, volume: Path
) -> None:
    azure.publish_files(tmp_path, "v1", {"model.onnx": b"x"})
    assert fetcher("fetch", azure.url, "--volume", volume, env=azure.env).returncode == 0
    down = {
        "AZURE_STORAGE_CONNECTION_STRING": azure.connection_string.replace(
            azure.endpoint, "http://127.0.0.1:9/d"
        )
    }
    commands = [fetcher_command("fetch", azure.url, "--volume", to) for to in (volume, tmp_path / "new")]
    running = [subprocess.Popen(command, env=down, stderr=subprocess.PIPE, text=True) for command in commands]
    with_model, without = (json.loads(p.communicate(timeout=180)[1].splitlines()[-1]) for p in running)
    assert [process.returncode for process in running] == [0, 1]
    assert (with_model["level"], with_model["version"]) == ("warning", "v1")
    assert with_model["message"] == "the store is away; the version on disk is served"
    assert "onnection refused" in with_model["reason"]
    assert "cannot read 'channels/stable.json'" in without["message"]
