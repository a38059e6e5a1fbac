"""What the admin port answers."""

import json
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from model_fetcher.admin import answer
from model_fetcher.errors import StoreError
from model_fetcher.watch import Timing, Watcher
from unit.fetcher.stores import FaultyStore, delivery, put

PREFIX = "modelsidecar_fetch_"


@pytest.fixture
def watcher(root: Path, tmp_path: Path) -> Watcher:
    return Watcher(delivery(root, tmp_path / "volume"), Timing(10, clock=lambda: 1000.0))


def get(watcher: Watcher, path: str, method: str = "GET") -> tuple[int, Any]:
    code, kind, body = answer(method, path, [watcher], now=1005.5)
    assert kind == "application/json"
    return code, json.loads(body)


def samples(watcher: Watcher) -> dict[tuple[str, ...], float]:
    """All of ours by name and label values, these in the order of their labels' names."""
    code, kind, body = answer("GET", "/metrics", [watcher], now=1005.5)
    assert (code, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    families = text_string_to_metric_families(body.decode())
    found = [sample for family in families for sample in family.samples if sample.name.startswith(PREFIX)]
    return {
        (s.name.removeprefix(PREFIX), *(s.labels[name] for name in sorted(s.labels))): s.value for s in found
    }


def test_is_alive_before_it_is_ready_and_says_what_it_waits_for(watcher: Watcher, root: Path) -> None:
    assert get(watcher, "/healthz") == (200, {"status": "ok"})
    waiting = {"error": "waiting for the first model", "models": {"digits": "not yet on disk"}}
    assert get(watcher, "/readyz") == (503, waiting)
    watcher.tick()
    code, document = get(watcher, "/readyz")
    assert code == 503
    assert "there is nothing at" in document["models"]["digits"]
    put(root, "v1")
    watcher.tick()
    assert get(watcher, "/readyz?verbose=1") == (200, {"status": "ok"})


def test_stays_ready_while_the_store_is_away(watcher: Watcher, root: Path) -> None:
    put(root, "v1")
    watcher.tick()
    assert isinstance(watcher.delivery.source, FaultyStore)
    watcher.delivery.source.error = StoreError("the store is away")
    watcher.tick()
    assert get(watcher, "/readyz")[0] == 200
    document = get(watcher, "/status")[1]["models"]["digits"]
    assert (document["current"], document["failures"]) == ("v1", 1)
    assert document["last_error"] == "the store is away"


def test_status_tells_all_of_a_model(watcher: Watcher, root: Path) -> None:
    first = put(root, "v1", {"model.onnx": b"one"})
    watcher.tick()
    second = put(root, "v2", {"model.onnx": b"second"})
    watcher.tick()
    assert first.digest != second.digest
    code, document = get(watcher, "/status")
    assert code == 200
    assert document["models"]["digits"] == {
        "source": root.as_uri(),
        "channel": "stable",
        "wanted": "v2",
        "current": "v2",
        "previous": "v1",
        "confirmed": None,
        "refused": {},
        "digest": second.digest,
        "bytes": 6,
        "age": 5.5,
        "last_check": 1000.0,
        "last_success": 1000.0,
        "last_error": None,
        "failures": 0,
    }


def test_status_of_a_model_that_is_not_there_yet_is_json_too(watcher: Watcher) -> None:
    document = get(watcher, "/status")[1]["models"]["digits"]
    assert (document["wanted"], document["current"], document["age"]) == (None, None, None)


def test_metrics_count_from_zero_and_follow_the_state(watcher: Watcher, root: Path) -> None:
    before = samples(watcher)
    for result in ("success", "noop", "error"):
        assert before["polls_total", "digits", result] == 0
    watcher.tick()
    manifest = put(root, "v1")
    watcher.tick()
    watcher.tick()
    after = samples(watcher)
    for result in ("success", "noop", "error"):
        assert after["polls_total", "digits", result] == 1
    assert after["in_sync", "digits"] == 1
    assert after["failures", "digits"] == 0
    assert after["model_bytes", "digits"] == manifest.bytes
    assert after["model_info", manifest.digest, "digits", "v1"] == 1
    assert after["last_success_timestamp_seconds", "digits"] == 1000


@pytest.mark.parametrize("path", ["/", "/nope", "/healthz/x", "/status.json", "//healthz"])
def test_an_unknown_path_is_told_those_there_are(watcher: Watcher, path: str) -> None:
    code, document = get(watcher, path)
    assert code == 404
    assert "/healthz, /readyz, /status, /metrics, /sync" in document["error"]


@pytest.mark.parametrize(("method", "path"), [("POST", "/status"), ("PUT", "/healthz"), ("GET", "/sync")])
def test_a_wrong_verb_is_told_the_right_one(watcher: Watcher, method: str, path: str) -> None:
    code, document = get(watcher, path, method)
    assert code == 405
    assert f"{path} takes " in document["error"]
    assert not watcher.wake.is_set()


def test_sync_wakes_every_watcher(watcher: Watcher) -> None:
    assert get(watcher, "/sync", "POST") == (202, {"syncing": ["digits"]})
    assert watcher.wake.is_set()
