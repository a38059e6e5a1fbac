"""What serves, what was refused, and when a process should get traffic."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

import models
from inference.errors import BadRequest, NotFound, Unavailable
from inference.models.bundle import Bundle
from inference.models.model import Model
from inference.models.registry import Refusal, Registry, Served

from .conftest import SINGLE, MakeModel

ONES = {"x": np.ones((1, 2), np.float32)}
MakeServed = Callable[..., Served]


@pytest.fixture
def served(load_model: MakeModel) -> MakeServed:
    """Make a version that serves."""

    def make(name: str, version: str = "v1") -> Served:
        model = load_model(models.identity)
        return Served(name, version, None, datetime.now(UTC), Bundle(), model, None)

    return make


def scanned(*expected: str) -> Registry:
    registry = Registry(expected)
    registry.scanned = True
    return registry


def test_is_not_ready_before_the_volume_was_read() -> None:
    assert Registry().unready_reason() == "loading"


def test_is_not_ready_without_a_model() -> None:
    assert scanned().unready_reason() == "no model serves: the volume has none yet"


def test_is_ready_once_a_model_serves(served: MakeServed) -> None:
    registry = scanned()
    registry.put("a", served=served("a"))
    assert registry.ready()


def test_another_model_that_is_refused_does_not_make_it_unready(served: MakeServed) -> None:
    registry = scanned()
    registry.put("a", served=served("a"))
    registry.put("b", refusal=Refusal("v1", "bad"))
    assert registry.ready()


def test_is_ready_only_with_all_models_that_were_named(served: MakeServed) -> None:
    registry = scanned("a", "b")
    registry.put("a", served=served("a"))
    assert registry.unready_reason() == "not loaded: 'b': no version is on the volume yet"
    registry.put("b", refusal=Refusal("v1", "bad"))
    assert registry.unready_reason() == "not loaded: 'b': version 'v1' was refused: bad"
    registry.put("b", served=served("b"))
    assert registry.ready()


def test_is_not_ready_while_it_drains(served: MakeServed) -> None:
    registry = scanned()
    registry.put("a", served=served("a"))
    registry.draining = True
    assert registry.unready_reason() == "shutting down"


def test_is_not_ready_while_another_worker_starts(served: MakeServed) -> None:
    waiting = [True]
    registry = Registry(others_start=lambda: waiting[0])
    assert registry.unready_reason() == "loading"
    registry.put("a", served=served("a"))
    registry.all_seen()
    assert (registry.unready_reason(), registry.unloaded_reason()) == ("loading in another worker", None)
    waiting[0] = False
    assert registry.ready()


def test_tells_once_that_all_was_seen() -> None:
    told: list[Registry] = []
    registry = Registry(changed=told.append)
    for _ in range(2):
        registry.all_seen()
    assert told == [registry]


def test_the_only_model_is_the_default(served: MakeServed) -> None:
    registry = scanned()
    registry.put("a", served=served("a"))
    assert registry.default().name == "a"


def test_the_first_model_named_is_the_default(served: MakeServed) -> None:
    registry = scanned("b", "a")
    for name in ("a", "b"):
        registry.put(name, served=served(name))
    assert registry.default().name == "b"
    assert registry.default("a").name == "a"


def test_of_several_models_one_must_be_chosen(served: MakeServed) -> None:
    registry = scanned()
    for name in ("a", "b"):
        registry.put(name, served=served(name))
    with pytest.raises(BadRequest, match=r"choose one by \?model=NAME, of a, b"):
        registry.default()


def test_says_what_there_is_instead_of_an_unknown_model(served: MakeServed) -> None:
    registry = scanned()
    with pytest.raises(NotFound, match="model 'x': unknown; there is none yet"):
        registry.get("x")
    registry.put("a", served=served("a"))
    with pytest.raises(NotFound, match="model 'x': unknown; there is a"):
        registry.get("x")


def test_says_why_a_model_is_not_there_yet() -> None:
    registry = scanned()
    with pytest.raises(Unavailable, match="the volume has none"):
        registry.default()
    registry.put("a", loading="v1")
    with pytest.raises(Unavailable, match="version 'v1' is loading"):
        registry.get("a")


def test_says_which_version_serves_instead(served: MakeServed) -> None:
    registry = scanned()
    registry.put("a", served=served("a", "v2"))
    with pytest.raises(NotFound, match="version 'v1' is not served; 'v2' is"):
        registry.get_version("a", "v1")


def replaced(served: MakeServed, swap_wait: float) -> Registry:
    """Make a registry whose only model has left memory for its successor."""
    registry = Registry(swap_wait=swap_wait)
    registry.scanned = True
    registry.put("a", served=served("a"), loading="v2")
    registry.vacate("a")
    return registry


def test_a_model_that_is_being_replaced_is_ready_and_can_be_described(served: MakeServed) -> None:
    registry = replaced(served, 0)
    assert registry.ready()
    assert registry.get("a").version == "v1"
    assert registry.get("a").model.signature == served("a").model.signature
    assert registry.available("a") is None
    assert registry.try_lease("a") is None


def test_a_request_waits_for_the_successor(served: MakeServed) -> None:
    registry = replaced(served, 60)
    got: list[Served] = []

    def ask() -> None:
        with registry.lease("a") as successor:
            got.append(successor)

    waiting = threading.Thread(target=ask)
    waiting.start()
    registry.put("b", served=served("b"))
    assert got == []
    registry.put("a", served=served("a", "v2"), loading=None, replacing=False)
    waiting.join()
    assert [one.version for one in got] == ["v2"]


def test_a_request_does_not_wait_for_ever(served: MakeServed) -> None:
    with pytest.raises(Unavailable, match="version 'v2' is still loading, and memory has no room") as caught:
        replaced(served, 0).lease("a")
    assert caught.value.headers == (("Retry-After", "1"),)


def test_a_request_that_waits_for_a_model_that_goes_is_told_so(served: MakeServed) -> None:
    registry = replaced(served, 60)
    told: list[NotFound] = []

    def ask() -> None:
        with pytest.raises(NotFound) as caught:
            registry.lease("a")
        told.append(caught.value)

    waiting = threading.Thread(target=ask)
    waiting.start()
    registry.remove("a")
    waiting.join()
    assert "unknown" in told[0].message


def test_leases_only_the_version_asked_for(served: MakeServed) -> None:
    registry = scanned()
    registry.put("a", served=served("a", "v2"))
    with registry.lease("a", "v2") as leased:
        assert leased.version == "v2"
    with pytest.raises(NotFound, match="version 'v1' is not served; 'v2' is"):
        registry.lease("a", "v1")
    assert registry.try_lease("a", "v1") is None
    assert registry.available("a", "v1") is None


@pytest.mark.parametrize("name", ["", None])
def test_leases_the_default_model_without_a_name(served: MakeServed, name: str | None) -> None:
    registry = scanned()
    assert registry.try_lease(name) is None
    with pytest.raises(Unavailable, match="the volume has none"):
        registry.lease(name)
    registry.put("a", served=served("a"))
    for lease in (registry.lease(name), registry.try_lease(name)):
        assert lease
        with lease as leased:
            assert leased.name == "a"
    registry.put("b", served=served("b"))
    assert registry.try_lease(name) is None
    with pytest.raises(BadRequest, match="choose one"):
        registry.lease(name)


def test_a_lease_keeps_its_version_in_memory_until_it_is_closed(served: MakeServed) -> None:
    registry = scanned()
    old, new = served("a"), served("a", "v2")
    registry.put("a", served=old)
    lease = registry.try_lease("a")
    assert lease
    registry.put("a", served=new)
    assert old.model.run(ONES)["y"].tolist() == [[1, 1]]
    for _ in range(2):
        lease.close()
    with pytest.raises(RuntimeError, match="was closed"):
        old.model.run(ONES)
    assert new.model.run(ONES)


@pytest.mark.parametrize("end", ["put", "remove"])
def test_a_model_that_leaves_the_table_is_closed(served: MakeServed, end: str) -> None:
    registry = scanned()
    one = served("a")
    registry.put("a", served=one)
    registry.put("a", loading="v2")
    assert one.model.acquire()
    one.model.release()
    if end == "put":
        registry.put("a", served=None, unloaded=True)
    else:
        registry.remove("a")
    assert not one.model.acquire()


def test_a_request_that_loses_the_race_with_a_swap_gets_the_successor(served: MakeServed) -> None:
    registry = scanned()
    old, new = served("a"), served("a", "v2")
    registry.put("a", served=old)
    acquire = old.model.acquire

    def swap_meanwhile() -> bool:
        registry.put("a", served=new)
        return acquire()

    old.model.acquire = swap_meanwhile  # type: ignore[method-assign]
    with registry.lease("a") as leased:
        assert leased.version == "v2"


def test_a_request_meets_no_closed_model_however_often_it_is_swapped(
    tmp_path: Path, load_model: MakeModel
) -> None:
    load_model(models.identity)
    registry = scanned()
    swaps = [
        Served(
            "a", str(number), None, datetime.now(UTC), Bundle(), Model(tmp_path / "model.onnx", SINGLE), None
        )
        for number in range(100)
    ]
    registry.put("a", served=swaps[0])
    ended = threading.Event()
    answers: list[list[list[float]]] = []

    def ask() -> None:
        while not ended.is_set():
            with registry.lease("a") as leased:
                answers.append(leased.model.run(ONES)["y"].tolist())

    clients = [threading.Thread(target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    for served in swaps[1:]:
        registry.put("a", served=served)
    ended.set()
    for client in clients:
        client.join()
    assert all(answer == [[1, 1]] for answer in answers)
    assert [served.model.acquire() for served in swaps] == [False] * 99 + [True]


def test_a_table_that_was_read_does_not_change(served: MakeServed) -> None:
    registry = scanned()
    before = registry.entries()
    registry.put("a", served=served("a"))
    assert dict(before) == {}
