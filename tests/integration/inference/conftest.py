"""A volume, and servers on it that end with the test."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

import models
from servers import Answer, Server, tensor
from volumes import Volume

LABELS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
INFER = "/v2/models/digits/infer"
StartServer = Callable[..., Server]


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    """An empty volume."""
    root = tmp_path / "volume"
    root.mkdir()
    return Volume(root)


@pytest.fixture
def start(volume: Volume, tmp_path: Path) -> Iterator[StartServer]:
    """Start servers on the volume with further flags."""
    servers: list[Server] = []

    def run(*arguments: str, prefix: Sequence[str] = ()) -> Server:
        servers.append(Server(volume.root, tmp_path / f"log-{len(servers)}", *arguments, prefix=prefix))
        return servers[-1]

    yield run
    for server in servers:
        server.kill()


@pytest.fixture(scope="session")
def models_volume(tmp_path_factory: pytest.TempPathFactory) -> Volume:
    """A volume with several models, for the tests that change nothing."""
    volume = Volume(tmp_path_factory.mktemp("volume"))
    serving = {"labels": LABELS, "image": {"scale": 0.0627451}}
    volume.add("digits", "v1", partial(models.classifier, likes=7), serving)
    volume.add("nan", "v1", models.nan)
    volume.add("pick", "v1", models.pick)
    volume.add("words", "v1", partial(models.identity, kind=TensorProto.STRING))
    for model in ("digits", "nan", "pick", "words"):
        volume.point(model, "v1")
    (volume.root / "lost+found").mkdir()
    (volume.root / "notes.txt").write_text("foreign")
    return volume


@pytest.fixture(scope="session")
def server(models_volume: Volume, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all of these."""
    log = tmp_path_factory.mktemp("log") / "log"
    named = [word for model in ("digits", "nan", "pick", "words") for word in ("--model", model)]
    server = Server(models_volume.root, log, *named, "--max-body", "1MiB", "--max-pixels", "1MP").wait_ready()
    yield server
    assert server.stop() == 0
    assert server.logged("a request failed") == []


def image(*, shape: tuple[int, ...] = (1, 1, 8, 8), **changes: Any) -> dict[str, Any]:
    """Make an input for the digits model."""
    data = np.zeros(shape, np.float32).tolist()
    return {"name": "image", "shape": list(shape), "datatype": "FP32", "data": data} | changes


def score(server: Server, value: Any, query: str = "") -> Answer:
    """Ask for the scores of some pictures."""
    return server.post("/score" + query, {"input": value})


NOISE = np.random.default_rng(0).standard_normal(64).round(3).tolist()
NOISY = {"inputs": [tensor("image", "FP32", [1, 1, 8, 8], NOISE)]}


def ask(server: Server) -> list[float]:
    """Return the scores that the digits model gives for noise."""
    answer = server.post(INFER, NOISY)
    assert answer.status == 200, answer
    data: list[float] = answer.json()["outputs"][0]["data"]
    return data


def resident(pid: int, kind: str = "VmRSS") -> int:
    """Return the resident memory of a process, in KiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(kind))
