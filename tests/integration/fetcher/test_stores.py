"""The whole way through a store of each kind, over HTTP, by the real program."""

import json
import subprocess
from pathlib import Path
from threading import Event, Thread

from blobs import FILES, Store, delivered
from model_fetcher.resolve import resolve
from model_fetcher.sources import open_source, parse_source
from programs import environment, fetcher, fetcher_command, last_message, log_lines


def test_a_poll_that_finds_nothing_new_says_so(store: Store, tmp_path: Path) -> None:
    store.publish_files(tmp_path, "v1", FILES)
    source = open_source(parse_source(store.url), store.env)
    seen = resolve(source, "stable", "pod")
    assert seen is not None
    assert resolve(source, "stable", "pod", seen) is None
    store.publish_files(tmp_path, "v2", FILES | {"empty": b"no more"})
    moved = resolve(source, "stable", "pod", seen)
    assert moved is not None
    assert (moved.manifest.version, moved.previous) == ("v2", "v1")
    source.close()


def test_publish_fetch_list_move_and_verify(store: Store, tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    store.publish_files(tmp_path, "v1", FILES)
    assert fetcher("fetch", store.url, "--volume", volume, env=store.env).returncode == 0
    assert delivered(volume) == FILES
    assert (volume / "digits/current").readlink() == Path("versions/v1")

    store.publish_files(tmp_path, "v2", FILES | {"sub/labels.txt": b"null\neins\n"})
    done = fetcher("fetch", store.url, "--volume", volume, env=store.env)
    (told,) = [line for line in log_lines(done.stderr) if line["message"] == "fetched"]
    assert (told["linked"], told["fetched"]) == (8000, 10)
    assert delivered(volume)["sub/labels.txt"] == b"null\neins\n"
    assert (volume / "digits/versions/v1/sub/labels.txt").read_bytes() == FILES["sub/labels.txt"]

    listed = json.loads(fetcher("versions", store.url, "--json", env=store.env).stdout)
    assert [(row["version"], row["channels"]) for row in listed] == [("v1", []), ("v2", ["stable"])]
    text = fetcher("versions", store.url, env=store.env).stdout.splitlines()
    assert text[1].endswith("<- stable")

    assert fetcher("rollback", store.url, env=store.env).stdout == "v1\n"
    assert fetcher("rollback", store.url, env=store.env).returncode == 3
    assert fetcher("promote", store.url, "v2", "--percent", "50", env=store.env).stdout == "v2\n"
    channel = json.loads(store.download("channels/stable.json"))
    assert channel == {
        "version": "v2",
        "previous": "v1",
        "history": ["v1"],
        "rollout": {"percent": 50},
    }
    assert fetcher("verify", store.url, env=store.env).stdout.startswith("v2: 3 files, 8010 bytes, digest ")
    store.upload("versions/v1/model.onnx", b"WEIGHTS " * 1000)
    bad = fetcher("verify", store.url, "v1", env=store.env)
    assert bad.returncode == 5
    assert "is damaged: model.onnx" in last_message(bad)


def test_a_pinned_version_needs_no_channel(store: Store, tmp_path: Path) -> None:
    for version in ("v1", "v2"):
        store.publish_files(tmp_path, version, {"model.onnx": version.encode()})
    store.delete("channels/stable.json")
    args = ("fetch", store.url, "--volume", tmp_path / "volume")
    assert fetcher(*args, "--version", "v1", env=store.env).returncode == 0
    assert delivered(tmp_path / "volume") == {"model.onnx": b"v1"}


def test_a_large_file_comes_in_ranges_and_goes_in_blocks(store: Store, tmp_path: Path) -> None:
    big = bytes(range(256)) * (75 << 10)  # 18.75 MiB: two full ranges and a piece
    store.publish_files(tmp_path, "v1", {"model.onnx": big})
    assert fetcher("fetch", store.url, "--volume", tmp_path / "volume", env=store.env).returncode == 0
    assert delivered(tmp_path / "volume") == {"model.onnx": big}


def test_a_plain_blob_and_a_plain_prefix_are_bundles(store: Store, tmp_path: Path) -> None:
    for path, data in FILES.items():
        store.upload(path, data)
    store.upload("sub/", b"")
    args = ("--volume", tmp_path / "volume")
    assert fetcher("fetch", store.url, *args, env=store.env).returncode == 0
    assert delivered(tmp_path / "volume") == FILES
    assert (tmp_path / "volume/digits/current").readlink().name.startswith("plain-")

    blob = f"{store.url}/model.onnx"
    assert fetcher("fetch", blob, *args, "--model", "single", env=store.env).returncode == 0
    assert (tmp_path / "volume/single/current/model.onnx").read_bytes() == FILES["model.onnx"]
    store.upload("model.onnx", b"new")
    assert fetcher("fetch", store.url, *args, env=store.env).returncode == 0
    assert delivered(tmp_path / "volume")["model.onnx"] == b"new"
    assert len(list((tmp_path / "volume/digits/versions").iterdir())) == 2


def test_directory_markers_are_no_files_of_a_version(store: Store, tmp_path: Path) -> None:
    store.publish_files(tmp_path, "v1", FILES)
    for marker in ("versions/", "versions/v1/", "versions/v1/sub/", "channels/"):
        store.upload(marker, b"")
    assert fetcher("fetch", store.url, "--volume", tmp_path / "volume", env=store.env).returncode == 0
    assert delivered(tmp_path / "volume") == FILES
    assert [
        row["version"] for row in json.loads(fetcher("versions", store.url, "--json", env=store.env).stdout)
    ] == ["v1"]


def test_a_blob_that_is_overwritten_while_it_is_read_is_never_mixed(store: Store, tmp_path: Path) -> None:
    contents = [bytes([letter]) * (10 << 20) for letter in b"ab"]
    store.upload("model.onnx", contents[0])
    stop, written = Event(), 0

    def overwrite() -> None:
        nonlocal written
        while not stop.wait(0.05):
            store.upload("model.onnx", contents[(written + 1) % 2])
            written += 1

    def fetch() -> str:
        done = fetcher("fetch", store.url, "--volume", tmp_path / "volume", env=store.env)
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
    store: Store, tmp_path: Path
) -> None:
    store.publish_files(tmp_path, "v0", FILES)
    names = ["a", "b", "c"]
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.onnx").write_bytes(name.encode() * 100_000)
    commands = [
        fetcher_command("publish", tmp_path / name, store.url, "--version", name, "--no-check")
        for name in names
    ]
    env = environment(store.env)
    running = [
        subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for command in commands
    ]
    for process in running:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    channel = json.loads(store.download("channels/stable.json"))
    assert sorted([channel["version"], *channel["history"]]) == ["a", "b", "c", "v0"]
    assert channel["history"][-1] == "v0"
    for name in names:
        assert fetcher("verify", store.url, name, env=store.env).returncode == 0
