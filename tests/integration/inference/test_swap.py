"""Versions that come, go and are refused while the server runs."""

import os
import shutil
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import models
from servers import Server, eventually, tensor
from volumes import Volume

from .conftest import StartServer

PICTURE = tensor("image", "FP32", [1, 1, 8, 8], [0.0] * 64)
EXAMPLE = {"inputs": {"image": [[[[0.0] * 8] * 8]]}}


def digits(likes: int) -> Callable[[Path], None]:
    return partial(models.classifier, likes=likes)


def expecting(likes: int) -> dict[str, Any]:
    """Make a serving.json whose golden example a classifier that likes this class passes."""
    scores = [0.0063609] * 10
    scores[likes] = 0.9427518
    example = {**EXAMPLE, "outputs": {"probabilities": [scores]}, "tolerance": 0.001}
    return {"examples": [example]}


@pytest.fixture
def serving(volume: Volume, start: StartServer) -> Server:
    """A server that serves v1 of digits."""
    volume.add("digits", "v1", digits(1), expecting(1))
    volume.point("digits", "v1")
    return start("--poll", "1h").wait_ready()


class Load:
    """Clients that ask without a pause; each answer's version and status is kept."""

    def __init__(self, server: Server, clients: int = 4) -> None:
        """Start to ask."""
        self.server = server
        self.answers: list[tuple[int, str]] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        while not self._stop.is_set():
            answer = self.server.post("/v2/models/digits/infer", {"inputs": [PICTURE]})
            self.answers.append((answer.status, answer.json().get("model_version", "")))

    def end(self) -> list[tuple[int, str]]:
        """Stop to ask, and return the answers."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        return self.answers


def test_swaps_under_load_without_a_failed_request(volume: Volume, serving: Server) -> None:
    load = Load(serving)
    for number in range(2, 22):
        volume.add("digits", f"v{number}", digits(number % 10), expecting(number % 10))
        volume.point("digits", f"v{number}")
        serving.wait_version(f"v{number}")
    answers = load.end()
    assert {status for status, _ in answers} == {200}
    assert len({version for _, version in answers}) > 10
    assert serving.metric("modelsidecar_inference_swaps_total") == 21


def test_finds_a_change_by_polling_where_no_event_tells(volume: Volume, start: StartServer) -> None:
    # A bind mount of another file system would do the same; a path outside the watched directory is simpler.
    elsewhere = volume.root.parent / "elsewhere"
    Volume(elsewhere).add("digits", "v1", digits(1))
    Volume(elsewhere).add("digits", "v2", digits(2))
    Volume(elsewhere).point("digits", "v1")
    (volume.root / "digits").mkdir()
    os.symlink(elsewhere / "digits" / "versions", volume.root / "digits" / "versions")
    os.symlink(elsewhere / "digits" / "current", volume.root / "digits" / "current")
    server = start("--poll", "100ms").wait_ready()
    Volume(elsewhere).point("digits", "v2")
    server.wait_version("v2")


def test_serves_models_that_appear_later(volume: Volume, start: StartServer) -> None:
    server = start("--poll", "1h")
    eventually(lambda: "the volume has none yet" in server.admin("/readyz").error, "not ready")
    answer = server.post("/v2/models/digits/infer", {"inputs": [PICTURE]})
    assert answer.status == 404
    assert server.post("/score", {"input": ["x"]}).status == 503
    assert server.get("/").body == b"Healthy"
    volume.add("digits", "v1", digits(1))
    volume.point("digits", "v1")
    server.wait_ready()
    server.wait_version("v1")


def test_waits_for_a_model_that_was_named(volume: Volume, start: StartServer) -> None:
    volume.add("other", "v1", digits(1))
    volume.point("other", "v1")
    server = start("--model", "digits", "--poll", "1h")
    answer = eventually(lambda: server.post("/v2/models/digits/infer", {"inputs": [PICTURE]}), "answers")
    assert answer.status == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.error == "model 'digits': no version is on the volume yet"
    assert server.get("/v2/health/ready").status == 503
    volume.add("digits", "v1", digits(1))
    volume.point("digits", "v1")
    server.wait_ready()
    assert server.get("/v2/models/other").status == 404


def broken(path: Path) -> None:
    path.write_bytes(b"not a model")


@pytest.mark.parametrize(
    ("make", "serving_json", "sentence"),
    [
        (broken, None, "model.onnx: onnxruntime cannot load it"),
        (None, None, "the bundle has no model.onnx; add it"),
        (digits(2), {"lables": []}, "serving.json: unknown key 'lables'; did you mean 'labels'?"),
        (digits(2), "{", "serving.json: is not JSON"),
        (digits(2), expecting(3), "example 1: output 'probabilities'[0,2] is 0.94"),
        (models.mapping, None, "convert it with zipmap=False"),
    ],
)
def test_keeps_serving_the_old_model_when_the_new_one_is_refused(
    volume: Volume, serving: Server, make: Any, serving_json: Any, sentence: str
) -> None:
    volume.add("digits", "v2", make, serving_json)
    volume.point("digits", "v2")
    assert sentence in serving.wait_refused("v2")
    assert serving.get("/version").json()["version"] == "v1"
    assert serving.admin("/readyz").status == 200
    (line,) = serving.logged("version rejected; the active version keeps serving")
    assert sentence in line["reason"]
    assert serving.metric("modelsidecar_inference_refused_total") == 1
    states = {row["version"]: row["state"] for row in serving.index()}
    assert states == {"v1": "READY", "v2": "UNAVAILABLE"}
    assert [row["version"] for row in serving.index(ready=True)] == ["v1"]


def test_refuses_a_version_whose_directory_is_not_there(volume: Volume, serving: Server) -> None:
    volume.point("digits", "v9")
    assert "there is no directory v9" in serving.wait_refused("v9")
    assert serving.get("/version").json()["version"] == "v1"


def test_lists_a_refusal_until_a_later_version_serves(volume: Volume, serving: Server) -> None:
    volume.add("digits", "v2", broken)
    volume.point("digits", "v2")
    serving.wait_refused("v2")
    volume.point("digits", "v1")
    eventually(lambda: serving.logged("the link is back at the active version"), "v1 again")
    assert [row["version"] for row in serving.index()] == ["v1", "v2"]
    volume.add("digits", "v3", digits(3))
    volume.point("digits", "v3")
    serving.wait_version("v3")
    assert [row["version"] for row in serving.index()] == ["v3"]


def test_a_first_version_that_is_refused_leaves_it_unready_with_the_reason(
    volume: Volume, start: StartServer
) -> None:
    volume.add("digits", "v1", broken)
    volume.point("digits", "v1")
    server = start()
    server.wait_refused("v1")
    assert "version 'v1' was refused: model.onnx" in server.admin("/readyz").error
    answer = server.post("/v2/models/digits/infer", {"inputs": [PICTURE]})
    assert answer.status == 503
    assert "was refused" in answer.error
    volume.add("digits", "v0", digits(1))
    volume.point("digits", "v0")
    server.wait_ready()


def test_a_broken_model_does_not_keep_others_from_being_served(volume: Volume, start: StartServer) -> None:
    volume.add("broken", "v1", broken)
    volume.add("digits", "v1", digits(1))
    for model in ("broken", "digits"):
        volume.point(model, "v1")
    server = start().wait_ready()
    assert server.get("/v2/models/digits").status == 200
    assert server.get("/v2/models/broken").status == 503
    assert server.get("/version").status == 400
    assert "choose one by ?model=NAME, of broken, digits" in server.get("/version").error


def test_a_link_that_is_gone_harms_nothing_that_serves(volume: Volume, serving: Server) -> None:
    os.unlink(volume.root / "digits" / "current")
    volume.add("other", "v1", digits(1))
    volume.point("other", "v1")
    serving.wait_version("v1", "other")
    assert serving.get("/v2/models/digits").status == 200


def test_serves_a_model_whose_directory_is_moved_into_place(volume: Volume, serving: Server) -> None:
    volume.add(".new", "v1", digits(2))
    volume.point(".new", "v1")
    (volume.root / ".new").rename(volume.root / "other")
    serving.wait_version("v1", "other")


def test_a_model_whose_directory_is_gone_is_no_longer_served(volume: Volume, serving: Server) -> None:
    shutil.rmtree(volume.root / "digits")
    eventually(lambda: serving.get("/v2/models/digits").status == 404, "digits is gone")
