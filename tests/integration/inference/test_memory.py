"""Memory: real limits, optimised copies, and what stays in RAM over many swaps."""

import os
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

import cgroups
import models
from servers import Server, eventually, tensor
from volumes import Volume

from .conftest import StartServer

INFER = "/v2/models/digits/infer"
NOISE = np.random.default_rng(0).standard_normal(64).round(3).tolist()
REQUEST = {"inputs": [tensor("image", "FP32", [1, 1, 8, 8], NOISE)]}
MODEL_MIB = 64
# Enough for one model of that size while it loads (twice its weights beside 60 MiB), too little for two.
LIMIT_MIB = 240


def ask(server: Server) -> list[float]:
    """Return the scores of one request."""
    answer = server.post(INFER, REQUEST)
    assert answer.status == 200, answer
    data: list[float] = answer.json()["outputs"][0]["data"]
    return data


def resident(pid: int, kind: str = "VmRSS") -> int:
    """Return the resident memory of a process, in KiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(kind))


class Asking:
    """Clients that ask without a pause, and one that looks at health."""

    def __init__(self, server: Server) -> None:
        """Start to ask."""
        self.server = server
        self.statuses: set[int] = set()
        self.health: set[int] = set()
        self._stop = threading.Event()
        works = [self._infer, self._infer, self._look]
        self._threads = [threading.Thread(target=work) for work in works]
        for thread in self._threads:
            thread.start()

    def _infer(self) -> None:
        while not self._stop.is_set():
            self.statuses.add(self.server.post(INFER, REQUEST).status)

    def _look(self) -> None:
        while not self._stop.is_set():
            for path in ("/readyz", "/healthz"):
                self.health.add(self.server.admin(path).status)
            for path in ("/v2/models/digits/ready", "/v2/models/digits", "/version", "/"):
                self.health.add(self.server.get(path).status)

    def end(self) -> None:
        """Stop to ask."""
        self._stop.set()
        for thread in self._threads:
            thread.join()


@pytest.fixture
def small() -> Iterator[list[str]]:
    """A command that runs another where there is room for one model only."""
    with cgroups.limited(LIMIT_MIB) as prefix:
        yield prefix


# `small` comes first, so that the server ends before its group is removed.
def test_requests_wait_while_one_version_takes_the_place_of_another(
    small: list[str], volume: Volume, start: StartServer
) -> None:
    for number in (1, 2):
        volume.add("digits", f"v{number}", partial(models.big, mebibytes=MODEL_MIB, seed=number))
    volume.point("digits", "v1")
    server = start("--poll", "1h", prefix=small).wait_ready()
    (listening,) = server.logged("listening")
    assert (listening["memory_limit"], listening["malloc_arenas"]) == (LIMIT_MIB << 20, 1)
    asking = Asking(server)
    for version in ("v2", "v1"):
        volume.point("digits", version)
        server.wait_version(version)
    asking.end()
    assert asking.statuses == {200}
    assert asking.health == {200}
    lines = server.logged("no room for both: requests wait while the new version takes the old one's")
    assert [line["version"] for line in lines] == ["v2", "v1"]
    assert all(line["need"] > line["free"] and line["limit"] == LIMIT_MIB << 20 for line in lines)


def test_the_old_version_comes_back_when_the_new_one_is_refused(
    small: list[str], volume: Volume, start: StartServer
) -> None:
    volume.add("digits", "v1", partial(models.big, mebibytes=MODEL_MIB, seed=1))
    wrong = {"examples": [{"inputs": {"image": [[[NOISE]]]}, "outputs": {"probabilities": [[1.0]]}}]}
    volume.add("digits", "v2", partial(models.big, mebibytes=MODEL_MIB, seed=2), wrong)
    volume.point("digits", "v1")
    server = start("--poll", "1h", prefix=small).wait_ready()
    before = ask(server)
    asking = Asking(server)
    volume.point("digits", "v2")
    assert "example 1" in server.wait_refused("v2")
    asking.end()
    assert asking.statuses == asking.health == {200}
    assert ask(server) == before
    assert server.get("/version").json()["version"] == "v1"
    assert server.logged("what served does so again")


def test_says_that_both_fit_where_there_is_no_limit(volume: Volume, start: StartServer) -> None:
    volume.add("digits", "v1", models.classifier)
    volume.point("digits", "v1")
    (line,) = start().wait_ready().logged("loading")
    assert line["fits"]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A scratch directory."""
    path = tmp_path / "cache"
    path.mkdir()
    return path


@pytest.fixture
def digits(volume: Volume) -> Callable[[str], None]:
    """Publish a version that is worth a copy."""

    def publish(version: str) -> None:
        volume.add("digits", version, partial(models.big, mebibytes=32, seed=int(version[1:])))
        volume.point("digits", version)

    publish("v1")
    return publish


def copies_of(cache: Path) -> list[Path]:
    return [path for path in (cache / "digits").glob("*/model.onnx") if path.parent.name != ".making"]


def wait_copy(server: Server, times: int = 1) -> None:
    eventually(lambda: len(server.logged("the optimised copy serves")) == times, "the copy serves")


def test_an_optimised_copy_serves_in_less_memory(
    start: StartServer, cache: Path, digits: Callable[[str], None]
) -> None:
    server = start("--cache", str(cache), "--poll", "1h").wait_ready()
    before, anonymous = ask(server), resident(server.process.pid, "RssAnon")
    since = server.get("/version").json()
    wait_copy(server)
    assert ask(server) == pytest.approx(before, rel=1e-4)
    assert server.get("/version").json() == since
    # The weights are 32 MiB.
    eventually(
        lambda: resident(server.process.pid, "RssAnon") < anonymous - (24 << 10), "memory is given back"
    )
    digits("v2")
    wait_copy(server, 2)
    assert len(copies_of(cache)) == 1
    assert server.metric("modelsidecar_inference_swaps_total") == 2


def test_of_several_workers_one_makes_the_copy_and_the_next_start_takes_it(
    start: StartServer, cache: Path, digits: Callable[[str], None]
) -> None:
    server = start("--cache", str(cache), "--workers", "2").wait_ready()
    wait_copy(server, 2)
    assert len(server.logged("made an optimised copy")) == 1
    before = ask(server)
    assert server.stop() == 0
    server = start("--cache", str(cache), "--workers", "2").wait_ready()
    eventually(lambda: len(server.logged("serving")) == 2, "both serve")
    assert [line["optimised"] for line in server.logged("loading")] == [True, True]
    assert ask(server) == before


def overwrite(copy: Path) -> None:
    copy.write_bytes(bytes(copy.stat().st_size))


def forge(copy: Path) -> None:
    """Damage a copy in a way that cannot be seen before it is loaded."""
    overwrite(copy)
    status = copy.stat()
    made = orjson.loads((copy.parent / "made.json").read_bytes())
    made[copy.name] = [status.st_size, status.st_mtime_ns]
    (copy.parent / "made.json").write_bytes(orjson.dumps(made))


def empty_weights(copy: Path) -> None:
    os.truncate(copy.with_name("model.onnx.data"), 0)


@pytest.mark.parametrize("damage", [overwrite, forge, empty_weights])
def test_a_damaged_copy_is_made_anew_while_the_original_serves(
    start: StartServer, cache: Path, digits: Callable[[str], None], damage: Callable[[Path], None]
) -> None:
    server = start("--cache", str(cache)).wait_ready()
    wait_copy(server)
    before = ask(server)
    assert server.stop() == 0
    (copy,) = copies_of(cache)
    damage(copy)
    server = start("--cache", str(cache)).wait_ready()
    assert ask(server) == pytest.approx(before, rel=1e-4)
    assert server.logged("an optimised copy is removed; the original serves")
    wait_copy(server)
    assert ask(server) == before


def test_a_copy_that_finds_no_room_on_the_disk_is_no_more_than_a_warning(
    start: StartServer, cache: Path, digits: Callable[[str], None]
) -> None:
    one_mebibyte = ["sh", "-c", 'ulimit -f 2048 && exec "$@"', "sh"]
    server = start("--cache", str(cache), prefix=one_mebibyte).wait_ready()
    message = "cannot make an optimised copy; the original serves on"
    (line,) = eventually(lambda: server.logged(message), "told")
    assert line["reason"]
    ask(server)
    assert copies_of(cache) == []
    assert not (cache / "digits" / ".making").exists()


def test_a_small_model_gets_no_copy(volume: Volume, start: StartServer, cache: Path) -> None:
    volume.add("digits", "v1", models.classifier)
    volume.point("digits", "v1")
    server = start("--cache", str(cache)).wait_ready()
    assert server.stop() == 0
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("make", [models.big, models.big_beside])
def test_memory_stays_flat_over_swaps(volume: Volume, start: StartServer, make: Any) -> None:
    for number in (1, 2):
        volume.add("digits", f"v{number}", partial(make, mebibytes=200, seed=number))
    volume.point("digits", "v1")
    server = start("--poll", "1h").wait_ready()
    for _ in range(20):
        ask(server)
    first = resident(server.process.pid)
    for number in range(20):
        version = f"v{2 - number % 2}"
        volume.point("digits", version)
        server.wait_version(version)
        ask(server)
    eventually(lambda: resident(server.process.pid) <= 1.1 * first, "memory is given back")
