"""`make run`, `make publish` and `make demo`, as the Makefile calls them."""

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local import Ports, free_ports
from servers import eventually

SCRIPTS = Path(__file__).parents[2] / "scripts"
DEADLINE_SECONDS = 120


def command(script: str, *arguments: object) -> list[str]:
    return [sys.executable, str(SCRIPTS / script), *map(str, arguments)]


def flags(ports: Ports) -> list[str]:
    return [f"--port={ports.http}", f"--admin-port={ports.admin}", f"--fetcher-port={ports.fetcher}"]


@contextmanager
def running(directory: Path, ports: Ports) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Yield `make run` once it serves, and the file with all it has said."""
    said = directory / "said"
    line = command("run.py", "--directory", directory / "run", *flags(ports))
    with said.open("w") as stream:
        process = subprocess.Popen(line, stdout=stream, stderr=stream, text=True)
    try:
        eventually(lambda: "Ctrl-C ends it." in said.read_text() or process.poll() is not None, "hints")
        assert process.poll() is None, said.read_text()
        yield process, said
    finally:
        process.terminate()
        process.wait(DEADLINE_SECONDS)


def version(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/version", timeout=60) as response:
        return str(json.load(response)["version"])


def test_the_demo_finds_all_as_it_should_be() -> None:
    done = subprocess.run(
        command("demo.py"), capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "v2 is served" in done.stdout
    assert "v3: example 1:" in done.stdout
    assert "All as it should be" in done.stdout


def test_run_serves_what_is_published_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    ports = free_ports()
    with running(tmp_path, ports) as (process, said):
        first = version(ports.http)
        done = subprocess.run(
            command("publish.py", "--directory", tmp_path / "run", "--seed", 2),
            capture_output=True,
            text=True,
            check=True,
            timeout=DEADLINE_SECONDS,
        )
        published = done.stdout.split()[-1]
        assert published != first
        eventually(lambda: version(ports.http) == published, "the second version is served")
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE_SECONDS) == 0
    assert "Traceback" not in said.read_text()
    for port in (ports.http, ports.admin, ports.fetcher):  # nobody is left to listen
        socket.create_server(("127.0.0.1", port)).close()


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_the_lines_that_run_prints_work_when_they_are_pasted(tmp_path: Path) -> None:
    with running(tmp_path, free_ports()) as (_, said):
        lines = re.findall(r"curl .*", said.read_text())
        answers = [
            json.loads(subprocess.run(["sh", "-c", line], capture_output=True, check=True, timeout=60).stdout)
            for line in lines
        ]
    score, infer, serving = answers
    assert score["result"][0][0][0][0] == "7"
    assert max(range(10), key=infer["outputs"][0]["data"].__getitem__) == 7
    assert infer["model_version"] == serving["version"]


def test_run_names_each_port_that_is_taken(tmp_path: Path) -> None:
    ports = free_ports()
    with socket.create_server(("127.0.0.1", ports.http)), socket.create_server(("127.0.0.1", ports.fetcher)):
        line = command("run.py", "--directory", tmp_path, *flags(ports))
        done = subprocess.run(line, capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False)
    assert done.returncode == 1
    assert re.findall(r"port (\d+) is taken.*make run (\w+)=", done.stderr) == [
        (str(ports.http), "PORT"),
        (str(ports.fetcher), "FETCHER_PORT"),
    ]
    assert not (tmp_path / "store").exists()


def test_run_ends_the_other_program_when_one_has_died(tmp_path: Path) -> None:
    ports = free_ports()
    with running(tmp_path, ports) as (process, said):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        if not children.exists():
            pytest.skip("/proc does not tell who is whose child here")
        fetcher, _ = children.read_text().split()
        subprocess.run(["kill", "-KILL", fetcher], check=True)
        assert process.wait(DEADLINE_SECONDS) == 1
    assert "model-fetcher ended by itself, with exit code -9" in said.read_text()
    socket.create_server(("127.0.0.1", ports.http)).close()
