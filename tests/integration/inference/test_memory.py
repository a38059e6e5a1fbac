"""Memory: a real limit, and what stays in RAM over many swaps."""

import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

import cgroups
import models
from servers import Server, eventually
from volumes import Volume

from .conftest import INFER, NOISE, NOISY, StartServer, ask, resident

MODEL_MIB = 64
# Enough for one model of that size while it loads (twice its weights beside 60 MiB), too little for two.
LIMIT_MIB = 240


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
            self.statuses.add(self.server.post(INFER, NOISY).status)

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
    assert server.logged("previous version restored")


@pytest.mark.parametrize("mebibytes", [100, 1000])
def test_a_version_that_takes_more_memory_than_is_free_is_refused_under_a_limit(
    small: list[str], volume: Volume, start: StartServer, mebibytes: int
) -> None:
    volume.add("digits", "v1", partial(models.big, mebibytes=MODEL_MIB, seed=1))
    volume.point("digits", "v1")
    server = start("--poll", "1h", prefix=small).wait_ready()
    asking = Asking(server)
    volume.add("digits", "v2", partial(models.greedy, elements=mebibytes << 18))
    volume.point("digits", "v2")
    reason = server.wait_refused("v2")
    asking.end()
    assert "more memory than the" in reason
    assert asking.statuses == asking.health == {200}


def test_a_version_that_the_limit_can_never_hold_is_refused_at_once(
    small: list[str], volume: Volume, start: StartServer
) -> None:
    volume.add("digits", "v1", partial(models.big, mebibytes=LIMIT_MIB + 10, seed=1))
    volume.point("digits", "v1")
    server = start("--poll", "1h", prefix=small)
    size = (volume.root / "digits/versions/v1/model.onnx").stat().st_size
    assert server.wait_refused("v1") == (
        f"it needs {size:,} bytes of memory to load, and the limit of the server is {LIMIT_MIB << 20:,} "
        "bytes; raise the limit, or publish a smaller model"
    )
    assert server.admin("/readyz").status == 503


def test_says_that_both_fit_where_there_is_no_limit(volume: Volume, start: StartServer) -> None:
    volume.add("digits", "v1", models.classifier)
    volume.point("digits", "v1")
    (line,) = start().wait_ready().logged("loading")
    assert line["fits"]


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
