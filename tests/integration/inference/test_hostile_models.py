"""Versions that never end, take all memory, or make onnxruntime crash: each is a refusal, never an outage."""

import os
import platform
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import models
from processes import alive, children, command, descendants
from servers import Server, eventually, tensor
from volumes import Volume

from .conftest import StartServer

PICTURE = tensor("image", "FP32", [1, 1, 8, 8], [0.0] * 64)
# No test can take the machine's memory: what is beyond fails.
UNDER_4_GIB = ["sh", "-c", 'ulimit -v 4194304 && exec "$@"', "sh"]


def digits(volume: Volume, version: str) -> None:
    volume.add("digits", version, partial(models.classifier, likes=int(version[1:])))
    volume.point("digits", version)


def publish(volume: Volume, model: str, make: Callable[[Path], None], version: str = "v1") -> None:
    volume.add(model, version, make)
    volume.point(model, version)


def broken(path: Path) -> None:
    path.write_text("no model")


def infer(server: Server) -> int:
    return server.post("/v2/models/digits/infer", {"inputs": [PICTURE]}).status


def test_a_version_that_never_ends_holds_up_no_other(volume: Volume, start: StartServer) -> None:
    digits(volume, "v1")
    server = start("--poll", "1h").wait_ready()
    publish(volume, "endless", models.endless)
    eventually(lambda: [row for row in server.index() if row["state"] == "LOADING"], "its check runs")
    for version in ("v2", "v3"):
        digits(volume, version)
        server.wait_version(version, "digits")
    assert infer(server) == 200
    assert server.admin("/readyz").status == 200
    assert server.get("/v2/models/endless").status == 503
    checking = descendants(server.process.pid)
    assert server.stop() == 0
    eventually(lambda: not any(alive(pid) for pid in checking), "the check ends with the server")


def test_a_version_that_never_ends_is_refused_after_the_load_timeout(
    volume: Volume, start: StartServer
) -> None:
    publish(volume, "a-endless", models.endless)
    digits(volume, "v1")
    server = start("--load-timeout", "2s", "--poll", "1h")
    server.wait_version("v1", "digits")
    reason = server.admin("/readyz")
    assert reason.status == 200 or "'a-endless': version 'v1' is loading" in reason.error
    server.wait_ready()
    assert server.wait_refused("v1") == "its check did not finish within 2 s (--load-timeout)"
    assert infer(server) == 200


def test_two_versions_that_never_end_give_way_in_the_end(volume: Volume, start: StartServer) -> None:
    for model in ("a", "b"):
        publish(volume, model, models.endless)
    digits(volume, "v1")
    server = start("--load-timeout", "1s", "--poll", "1h").wait_ready()
    assert infer(server) == 200
    states = {row["name"]: row["state"] for row in server.index()}
    assert states == {"a": "UNAVAILABLE", "b": "UNAVAILABLE", "digits": "READY"}


def test_a_newer_version_takes_the_place_of_one_that_never_ends(volume: Volume, start: StartServer) -> None:
    publish(volume, "digits", models.endless, "v0")
    server = start("--poll", "1h")
    eventually(lambda: [row for row in server.index() if row["version"] == "v0"], "v0 is checked")
    digits(volume, "v1")
    server.wait_version("v1")
    server.wait_ready()
    assert server.logged("version rejected; the active version keeps serving") == []


@pytest.mark.parametrize("elements", [10**12, 2**30])
def test_a_version_that_takes_all_memory_is_refused(
    volume: Volume, start: StartServer, elements: int
) -> None:
    digits(volume, "v1")
    publish(volume, "greedy", partial(models.greedy, elements=elements))
    server = start("--poll", "1h", prefix=UNDER_4_GIB).wait_ready()
    row = next(row for row in server.index() if row["name"] == "greedy")
    assert row["state"] == "UNAVAILABLE"
    assert row["reason"].startswith("it needs more memory than the ")
    digits(volume, "v2")
    server.wait_version("v2", "digits")
    assert infer(server) == 200


@pytest.mark.skipif(platform.machine() != "x86_64", reason="other CPUs divide without an exception")
def test_a_version_that_makes_onnxruntime_crash_is_refused(volume: Volume, start: StartServer) -> None:
    digits(volume, "v1")
    server = start("--poll", "1h").wait_ready()
    publish(volume, "crashes", models.crashes)
    reason = "onnxruntime crashed while loading or running it (signal 8)"
    eventually(lambda: [row for row in server.index() if row["reason"] == reason], "refused")
    publish(volume, "digits", models.crashes, "v2")
    assert server.wait_refused("v2") == reason
    assert (infer(server), server.admin("/readyz").status) == (200, 200)
    assert server.process.poll() is None


def test_the_process_that_checks_may_be_killed_at_any_time(volume: Volume, start: StartServer) -> None:
    digits(volume, "v1")
    server = start("--poll", "1h").wait_ready()
    for version in ("v2", "v3"):
        for pid in descendants(server.process.pid):
            os.kill(pid, signal.SIGKILL)
        digits(volume, version)
        server.wait_version(version)
    assert infer(server) == 200


def test_of_several_workers_one_checks_a_version(volume: Volume, start: StartServer) -> None:
    digits(volume, "v1")
    server = start("--poll", "1h", "--workers", "2").wait_ready()
    publish(volume, "endless", models.endless)

    def checks() -> list[int]:
        """Return the checks that run, in processes that were forked for them."""
        servers = [pid for pid in descendants(server.process.pid) if "check_server" in command(pid)]
        return [check for pid in servers for check in children(pid)]

    eventually(lambda: len(checks()) == 1, "one checks")
    publish(volume, "broken", broken)
    message = "version rejected; the active version keeps serving"
    lines: list[Any] = eventually(lambda: _two(server.logged(message)), "both refuse")
    assert {line["reason"] for line in lines} == {lines[0]["reason"]}
    assert len(checks()) == 1
    digits(volume, "v2")
    eventually(lambda: len([one for one in server.logged("serving") if one["version"] == "v2"]) == 2, "v2")
    assert infer(server) == 200


def _two(lines: list[Any]) -> list[Any]:
    return lines if len(lines) == 2 else []


def test_without_inotify_it_polls(volume: Volume, start: StartServer) -> None:
    digits(volume, "v1")
    # A user's name space has a limit of its own.
    none_left = [
        "unshare",
        "-Ur",
        "sh",
        "-c",
        'echo 0 > /proc/sys/user/max_inotify_instances && exec "$@"',
        "sh",
    ]
    if os.system(" ".join([*none_left[:4], "'echo 0 > /proc/sys/user/max_inotify_instances'"])):
        pytest.skip("no name space of users can be made here")
    server = start("--poll", "100ms", prefix=none_left).wait_ready()
    (line,) = server.logged("no events, only polling")
    assert "inotify instance limit reached" in line["reason"]
    digits(volume, "v2")
    server.wait_version("v2")
