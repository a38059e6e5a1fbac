"""The whole way through Azure Blob Storage, over HTTP, by the real program."""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from model_fetcher.resolve import resolve
from model_fetcher.sources import open_source, parse_source
from programs import environment, fetcher, fetcher_command, last_message, log_lines

FILES = {"model.onnx": b"weights " * 1000, "sub/labels.txt": b"zero\none\n", "empty": b""}


def delivered(volume: Path) -> dict[str, bytes]:
    """The files of the version that is current, without its manifest."""
    top = volume / "digits" / "current"
    files = {path.relative_to(top).as_posix(): path.read_bytes() for path in top.rglob("*") if path.is_file()}
    files.pop("manifest.json")
    return files


def test_a_poll_that_finds_nothing_new_says_so(azure: Any, tmp_path: Path) -> None:
    azure.publish_files(tmp_path, "v1", FILES)
    source = open_source(parse_source(azure.url), azure.env)
    seen = resolve(source, "stable", "pod")
    assert seen is not None
    assert resolve(source, "stable", "pod", seen) is None
    azure.publish_files(tmp_path, "v2", FILES | {"empty": b"no more"})
    moved = resolve(source, "stable", "pod", seen)
    assert moved is not None
    assert (moved.manifest.version, moved.previous) == ("v2", "v1")
    source.close()


def test_publish_fetch_list_move_and_verify(azure: Any, tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    azure.publish_files(tmp_path, "v1", FILES)
    assert fetcher("fetch", azure.url, "--volume", volume, env=azure.env).returncode == 0
    assert delivered(volume) == FILES
    assert (volume / "digits/current").readlink() == Path("versions/v1")

    azure.publish_files(tmp_path, "v2", FILES | {"sub/labels.txt": b"null\neins\n"})
    done = fetcher("fetch", azure.url, "--volume", volume, env=azure.env)
    (told,) = [line for line in log_lines(done.stderr) if line["message"] == "fetched"]
    assert (told["linked"], told["fetched"]) == (8000, 10)
    assert delivered(volume)["sub/labels.txt"] == b"null\neins\n"
    assert (volume / "digits/versions/v1/sub/labels.txt").read_bytes() == FILES["sub/labels.txt"]

    listed = json.loads(fetcher("versions", azure.url, "--json", env=azure.env).stdout)
    assert [(row["version"], row["channels"]) for row in listed] == [("v1", []), ("v2", ["stable"])]
    text = fetcher("versions", azure.url, env=azure.env).stdout.splitlines()
    assert text[1].endswith("<- stable")

    assert fetcher("rollback", azure.url, env=azure.env).stdout == "v1\n"
    assert fetcher("rollback", azure.url, env=azure.env).returncode == 3
    assert fetcher("promote", azure.url, "v2", "--percent", "50", env=azure.env).stdout == "v2\n"
    channel = json.loads(azure.download("channels/stable.json"))
    assert channel == {
        "version": "v2",
        "previous": "v1",
        "history": ["v1"],
        "rollout": {"percent": 50},
    }
    assert fetcher("verify", azure.url, env=azure.env).stdout.startswith("v2: 3 files, 8010 bytes, digest ")
    azure.upload("versions/v1/model.onnx", b"WEIGHTS " * 1000)
    bad = fetcher("verify", azure.url, "v1", env=azure.env)
    assert bad.returncode == 5
    assert "is damaged: model.onnx" in last_message(bad)


def test_a_pinned_version_needs_no_channel(azure: Any, tmp_path: Path) -> None:
    for version in ("v1", "v2"):
        azure.publish_files(tmp_path, version, {"model.onnx": version.encode()})
    azure.client.delete_blob("models/digits/channels/stable.json")
    args = ("fetch", azure.url, "--volume", tmp_path / "volume")
    assert fetcher(*args, "--version", "v1", env=azure.env).returncode == 0
    assert delivered(tmp_path / "volume") == {"model.onnx": b"v1"}


def test_a_large_file_comes_in_ranges_and_goes_in_blocks(azure: Any, tmp_path: Path) -> None:
    big = bytes(range(256)) * (75 << 10)  # 18.75 MiB: two full ranges and a piece
    azure.publish_files(tmp_path, "v1", {"model.onnx": big})
    assert fetcher("fetch", azure.url, "--volume", tmp_path / "volume", env=azure.env).returncode == 0
    assert delivered(tmp_path / "volume") == {"model.onnx": big}


def sas(azure: Any, permission: ContainerSasPermissions, valid: timedelta) -> str:
    return generate_container_sas(
        azure.account,
        azure.client.container_name,
        account_key=azure.key,
        permission=permission,
        expiry=datetime.now(UTC) + valid,
    )


@pytest.mark.parametrize("method", ["connection-string", "key", "sas"])
def test_signs_in_by_what_is_set_and_says_how_without_the_secret(
    azure: Any, tmp_path: Path, method: str
) -> None:
    azure.publish_files(tmp_path, "v1", FILES)
    token = sas(azure, ContainerSasPermissions(read=True, list=True), timedelta(hours=1))
    env, secret = {
        "connection-string": (azure.env, azure.key),
        "key": ({"AZURE_STORAGE_KEY": azure.key}, azure.key),
        "sas": ({"AZURE_STORAGE_SAS_TOKEN": f"?{token}\n"}, token.rpartition("sig=")[2]),
    }[method]
    endpoint = () if method == "connection-string" else ("--endpoint", azure.endpoint)
    done = fetcher(
        "fetch", azure.url, "--volume", tmp_path / "volume", *endpoint, "--log-level", "debug", env=env
    )
    assert done.returncode == 0, done.stderr
    (told,) = [line for line in log_lines(done.stderr) if line["message"] == "sign in"]
    assert (told["auth"], told["endpoint"]) == (method, azure.endpoint)
    assert secret not in done.stderr + done.stdout
    assert delivered(tmp_path / "volume") == FILES


@pytest.fixture
def public(azure: Any) -> Any:
    """A container that anybody may read."""
    azure.client.set_container_access_policy(signed_identifiers={}, public_access="container")
    return azure


def test_a_public_container_needs_no_sign_in(public: Any, tmp_path: Path) -> None:
    public.publish_files(tmp_path, "v1", FILES)
    args = ("--volume", tmp_path / "volume", "--endpoint", public.endpoint, "--auth", "anonymous")
    done = fetcher("fetch", public.url, *args)
    assert done.returncode == 0, done.stderr
    assert delivered(tmp_path / "volume") == FILES


def test_a_plain_blob_and_a_plain_prefix_are_bundles(azure: Any, tmp_path: Path) -> None:
    for path, data in FILES.items():
        azure.upload(path, data)
    azure.upload("sub/", b"")
    azure.client.upload_blob("models/digits/marker", b"", metadata={"hdi_isfolder": "true"})
    args = ("--volume", tmp_path / "volume")
    assert fetcher("fetch", azure.url, *args, env=azure.env).returncode == 0
    assert delivered(tmp_path / "volume") == FILES
    assert (tmp_path / "volume/digits/current").readlink().name.startswith("plain-")

    blob = f"{azure.url}/model.onnx"
    assert fetcher("fetch", blob, *args, "--model", "single", env=azure.env).returncode == 0
    assert (tmp_path / "volume/single/current/model.onnx").read_bytes() == FILES["model.onnx"]
    azure.upload("model.onnx", b"new")
    assert fetcher("fetch", azure.url, *args, env=azure.env).returncode == 0
    assert delivered(tmp_path / "volume")["model.onnx"] == b"new"
    assert len(list((tmp_path / "volume/digits/versions").iterdir())) == 2


def test_directory_markers_are_no_files_of_a_version(azure: Any, tmp_path: Path) -> None:
    azure.publish_files(tmp_path, "v1", FILES)
    for marker in ("versions/", "versions/v1/", "versions/v1/sub/", "channels/"):
        azure.upload(marker, b"")
    assert fetcher("fetch", azure.url, "--volume", tmp_path / "volume", env=azure.env).returncode == 0
    assert delivered(tmp_path / "volume") == FILES
    assert [
        row["version"] for row in json.loads(fetcher("versions", azure.url, "--json", env=azure.env).stdout)
    ] == ["v1"]


def test_a_blob_that_is_overwritten_while_it_is_read_is_never_mixed(azure: Any, tmp_path: Path) -> None:
    contents = [bytes([letter]) * (10 << 20) for letter in b"ab"]
    azure.upload("model.onnx", contents[0])
    stop, written = Event(), 0

    def overwrite() -> None:
        nonlocal written
        while not stop.wait(0.05):
            azure.upload("model.onnx", contents[(written + 1) % 2])
            written += 1

    def fetch() -> str:
        done = fetcher("fetch", azure.url, "--volume", tmp_path / "volume", env=azure.env)
        assert done.returncode in (0, 1), done.stderr
        for file in tmp_path.glob("volume/digits/versions/*/model.onnx"):
            assert file.read_bytes() in contents
        return done.stderr

    writer = Thread(target=overwrite)
    writer.start()
    try:
        assert any("changed while it was read" in fetch() for _ in range(20))
    finally:
        stop.set()
        writer.join()
    fetch()
    assert delivered(tmp_path / "volume") == {"model.onnx": contents[written % 2]}


def test_of_two_publishers_at_once_both_versions_are_there_and_in_the_history(
    azure: Any, tmp_path: Path
) -> None:
    azure.publish_files(tmp_path, "v0", FILES)
    names = ["a", "b", "c"]
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.onnx").write_bytes(name.encode() * 100_000)
    commands = [
        fetcher_command("publish", tmp_path / name, azure.url, "--version", name, "--no-check")
        for name in names
    ]
    env = environment(azure.env)
    running = [
        subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for command in commands
    ]
    for process in running:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    channel = json.loads(azure.download("channels/stable.json"))
    assert sorted([channel["version"], *channel["history"]]) == ["a", "b", "c", "v0"]
    assert channel["history"][-1] == "v0"
    for name in names:
        assert fetcher("verify", azure.url, name, env=azure.env).returncode == 0
