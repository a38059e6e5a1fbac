"""Optimised copies of models on a scratch directory."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import orjson
import pytest

import models
from servers import Server, eventually
from volumes import Volume

from .conftest import StartServer, ask, resident


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
