"""What serves, what was refused, and when a process should get traffic."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

import models
from inference.errors import BadRequest, NotFound, Unavailable
from inference.models.bundle import Bundle
from inference.models.registry import Refusal, Registry, Served

from .conftest import MakeModel

MakeServed = Callable[..., Served]


@pytest.fixture
def served(load_model: MakeModel) -> MakeServed:
    """Make a version that serves."""
    model = load_model(models.identity)

    def make(name: str, version: str = "v1") -> Served:
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


def replaced(served: MakeServed, patience: float) -> Registry:
    """Make a registry whose only model has left memory for its successor."""
    registry = Registry(patience=patience)
    registry.scanned = True
    old = served("a")
    registry.put("a", served=replace(old, model=old.model.hollow()), loading="v2", replacing=True)
    return registry


def test_a_model_that_is_being_replaced_is_ready_and_can_be_described(served: MakeServed) -> None:
    registry = replaced(served, 0)
    assert registry.ready()
    assert registry.get("a").version == "v1"
    assert registry.get("a").model.signature == served("a").model.signature


def test_a_request_waits_for_the_successor(served: MakeServed) -> None:
    registry = replaced(served, 60)
    got: list[Served] = []
    waiting = threading.Thread(target=lambda: got.append(registry.to_run("a")))
    waiting.start()
    registry.put("b", served=served("b"))
    assert got == []
    registry.put("a", served=served("a", "v2"), loading=None, replacing=False)
    waiting.join()
    assert [one.version for one in got] == ["v2"]


def test_a_request_does_not_wait_for_ever(served: MakeServed) -> None:
    with pytest.raises(Unavailable, match="version 'v2' is still loading, and memory has no room") as caught:
        replaced(served, 0).to_run("a")
    assert caught.value.headers == (("Retry-After", "1"),)


def test_a_request_that_waits_for_a_model_that_goes_is_told_so(served: MakeServed) -> None:
    registry = replaced(served, 60)
    told: list[NotFound] = []

    def ask() -> None:
        with pytest.raises(NotFound) as caught:
            registry.to_run("a")
        told.append(caught.value)

    waiting = threading.Thread(target=ask)
    waiting.start()
    registry.remove("a")
    waiting.join()
    assert "unknown" in told[0].message


def test_runs_only_the_version_asked_for(served: MakeServed) -> None:
    registry = scanned()
    registry.put("a", served=served("a", "v2"))
    assert registry.to_run("a", "v2").version == "v2"
    with pytest.raises(NotFound, match="version 'v1' is not served; 'v2' is"):
        registry.to_run("a", "v1")


def test_a_table_that_was_read_does_not_change(served: MakeServed) -> None:
    registry = scanned()
    before = registry.entries()
    registry.put("a", served=served("a"))
    assert dict(before) == {}
