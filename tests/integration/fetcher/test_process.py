"""The fetcher as a process: signals, kills at any moment, the admin port."""

import hashlib
import json
import os
import random
import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from blobs import Store
from programs import fetcher, free_port, log_lines, started
from servers import DEADLINE_SECONDS, eventually

KILLS = int(os.environ.get("KILLS", "8"))


def publish(store: Path, version: str, content: bytes) -> None:
    """Publish a bundle of one file by the real program."""
    bundle = store.parent / f"bundle-{version}"
    bundle.mkdir(parents=True)
    (bundle / "model.onnx").write_bytes(content)
    done = fetcher("publish", bundle, store.as_uri(), "--version", version, "--no-check")
    assert done.returncode == 0, done.stderr


def status_of(url: str) -> int | None:
    """The status of an answer; None while nobody answers."""
    try:
        return requests.get(url, timeout=5).status_code
    except requests.ConnectionError:
        return None


def current(volume: Path) -> str:
    """The version that the link names."""
    return (volume / "digits/current").resolve().name


def digits(admin: str) -> Any:
    """What `/status` says of the model."""
    return requests.get(f"{admin}/status", timeout=5).json()["models"]["digits"]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store" / "digits"


def test_watch_becomes_ready_when_a_model_is_published_and_takes_the_next_on_sync(
    store: Path, tmp_path: Path
) -> None:
    port, volume = free_port(), tmp_path / "volume"
    admin = f"http://127.0.0.1:{port}"
    store.mkdir(parents=True)
    with started(
        "watch", store.as_uri(), "--volume", volume, "--admin-port", port, "--interval", "1h"
    ) as process:
        assert eventually(lambda: status_of(f"{admin}/readyz"), "an answer") == 503
        assert requests.get(f"{admin}/readyz", timeout=5).json()["error"] == "waiting for the first model"
        assert requests.get(f"{admin}/healthz", timeout=5).status_code == 200
        publish(store, "v1", b"one")
        requests.post(f"{admin}/sync", timeout=5)
        eventually(lambda: status_of(f"{admin}/readyz") == 200, "ready")

        publish(store, "v2", b"two")
        assert requests.post(f"{admin}/sync", timeout=5).json() == {"syncing": ["digits"]}
        eventually(lambda: digits(admin)["current"] == "v2", "v2")
        status = digits(admin)
        assert current(volume) == status["wanted"] == "v2"
        assert (status["previous"], status["bytes"], status["last_error"]) == ("v1", 3, None)
        metrics = requests.get(f"{admin}/metrics", timeout=5).text
        assert 'modelsidecar_fetch_in_sync{model="digits"} 1.0' in metrics
        assert 'modelsidecar_fetch_polls_total{model="digits",result="success"} 2.0' in metrics

        publish(store, "v3", b"three")
        process.send_signal(signal.SIGHUP)
        eventually(lambda: current(volume) == "v3", "v3")
        process.terminate()
        assert process.wait(DEADLINE_SECONDS) == 0


def test_admin_port_says_no_in_json(store: Path, tmp_path: Path) -> None:
    port = free_port()
    with started("watch", store.as_uri(), "--volume", tmp_path / "volume", "--admin-port", port):
        eventually(lambda: status_of(f"http://127.0.0.1:{port}/healthz"), "an answer")
        unknown = requests.get(f"http://127.0.0.1:{port}/nope", timeout=5)
        wrong = requests.get(f"http://127.0.0.1:{port}/sync", timeout=5)
    assert (unknown.status_code, wrong.status_code) == (404, 405)
    assert "/sync takes POST" in wrong.json()["error"]


def test_taken_admin_port_ends_with_the_cure(store: Path, tmp_path: Path) -> None:
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        done = fetcher("watch", store.as_uri(), "--volume", tmp_path / "volume", "--admin-port", port)
    assert done.returncode == 1
    assert "choose another --admin-port" in done.stderr


def test_gives_up_on_the_first_model_with_the_code_of_the_error(store: Path, tmp_path: Path) -> None:
    ports = ("--admin-port", free_port(), "--give-up-after", "1s")
    done = fetcher("watch", store.as_uri(), "--volume", tmp_path / "volume", *ports)
    assert done.returncode == log_lines(done.stderr)[-1]["exit_code"] == 3
    assert "there is nothing at" in done.stderr


def test_keeps_the_model_when_the_store_goes_away(store: Path, tmp_path: Path) -> None:
    port, volume = free_port(), tmp_path / "volume"
    admin = f"http://127.0.0.1:{port}"
    publish(store, "v1", b"one")
    timing = ("--interval", "20ms", "--give-up-after", "1ms")
    with started("watch", store.as_uri(), "--volume", volume, "--admin-port", port, *timing):
        eventually(lambda: (volume / "digits/current").exists(), "the first version")
        store.rename(store.with_name("away"))
        eventually(lambda: digits(admin)["failures"] > 1, "failures")
        assert status_of(f"{admin}/readyz") == 200
        assert (volume / "digits/current/model.onnx").read_bytes() == b"one"
        store.with_name("away").rename(store)
        publish(store, "v2", b"two")
        eventually(lambda: current(volume) == "v2", "recovery")


@pytest.mark.parametrize(("command", "code"), [("fetch", 1), ("watch", 0)])
@pytest.mark.parametrize(
    ("url", "env"),
    [
        ("az://account/models/digits", {"AZURE_STORAGE_KEY": "a2V5"}),
        ("s3://bucket/digits", {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key"}),
    ],
)
def test_sigterm_does_not_wait_for_a_store_that_does_not_answer(
    url: str, env: dict[str, str], command: str, code: int, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(DEADLINE_SECONDS)
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}/account"
        where = (url, "--volume", tmp_path, "--endpoint", endpoint)
        port = ("--admin-port", free_port()) if command == "watch" else ()
        with started(command, *where, *port, env=env) as process:
            connection, _ = silent.accept()
            with connection:
                process.terminate()
                # The fetcher's own time-out for a read is 30 s, and it tries several times.
                assert process.wait(10) == code


@pytest.mark.parametrize(("command", "code"), [("fetch", 1), ("watch", 0)])
def test_signals_that_ask_for_nothing_end_nothing(command: str, code: int, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(DEADLINE_SECONDS)
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}/account"
        port = ("--admin-port", free_port()) if command == "watch" else ()
        where = ("az://account/models/digits", "--volume", tmp_path, "--endpoint", endpoint)
        with started(command, *where, *port, env={"AZURE_STORAGE_KEY": "a2V5"}) as process:
            connection, _ = silent.accept()
            with connection:
                assert process.stderr is not None
                for number in (signal.SIGUSR1, signal.SIGUSR2):
                    process.send_signal(number)
                    line: dict[str, Any] = {}
                    while line.get("message") != "signal ignored":
                        line = json.loads(process.stderr.readline())
                    assert line["signal"] == number.name
                process.send_signal(signal.SIGQUIT)
                while line["message"] != "thread":
                    line = json.loads(process.stderr.readline())
                process.send_signal(signal.SIGHUP)
                process.terminate()
                assert process.wait(DEADLINE_SECONDS) == code


def test_kill_at_any_moment_leaves_whole_versions_only_and_the_next_run_resumes(
    azure: Store, tmp_path: Path
) -> None:
    """Each round publishes a version and kills its download several times, then lets it through."""
    volume, chance, resumed, kills = tmp_path / "volume", random.Random(7), 0, 0
    # On a quick machine a round may be through before its last kill: go on until one was not.
    while kills < KILLS or not resumed:
        assert kills < 10 * KILLS, "no kill came before the end of a download"
        name, big = f"v{kills}", chance.randbytes(96 << 20)
        azure.publish_files(tmp_path, name, {"model.onnx": big, "sub/labels.txt": name.encode()})
        for _ in range(4):
            # At the first sign of progress, or some time later.
            kill_while_it_downloads(azure, volume, name, chance.choice([0.0, chance.random() * 0.1]))
            kills += 1
            assert_whole(volume / "digits")
        part = volume / "digits/.staging" / name / "model.onnx"
        left = part.stat().st_size if part.exists() else 0
        done = fetcher("fetch", azure.url, "--volume", volume, env=azure.env)
        assert done.returncode == 0, done.stderr
        assert (volume / "digits/current/model.onnx").read_bytes() == big
        fetched = [line for line in log_lines(done.stderr) if line["message"] == "fetched"]
        assert sum(line.get("resumed", 0) for line in fetched) >= left
        resumed += left


def kill_while_it_downloads(azure: Store, volume: Path, name: str, delay: float) -> None:
    """Start a download, let it add something to what is there, and kill it `delay` seconds later."""
    part = volume / "digits/.staging" / name / "model.onnx"
    before = part.stat().st_size if part.exists() else 0
    with started("fetch", azure.url, "--volume", volume, env=azure.env) as process:
        while process.poll() is None and not (part.exists() and part.stat().st_size > before):
            time.sleep(0.005)
        time.sleep(delay)
        process.kill()


def assert_whole(place: Path) -> None:
    """Every version that has a name has all its files, each with its hash."""
    versions = place / "versions"
    for version in versions.iterdir() if versions.exists() else ():
        for file in json.loads((version / "manifest.json").read_text())["files"]:
            data = (version / file["path"]).read_bytes()
            assert hashlib.sha256(data).hexdigest() == file["sha256"]
    if (place / "current").is_symlink():
        assert (place / "current/manifest.json").exists()
