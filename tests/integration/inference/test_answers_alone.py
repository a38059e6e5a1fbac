"""Each client gets the answer that its request gets alone, whatever others ask at the same time."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

import models
from servers import Server, tensor
from volumes import Volume

from .conftest import StartServer

CLIENTS, REQUESTS = 8, 60


def quantised(path: Path) -> None:
    """Embed tokens and quantise them with one scale for the whole tensor, as quantize_dynamic does."""
    table = np.zeros((4, 8), np.float32)
    table[1], table[2], table[3] = 1.0, 0.05, 40.0
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["e"]),
        helper.make_node("DynamicQuantizeLinear", ["e"], ["q", "s", "z"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"]),
    ]
    inputs = [models.value("ids", TensorProto.INT64, ["N", "S"])]
    outputs = [models.value("y", TensorProto.FLOAT, ["N", "S", 8])]
    models.save(path, nodes, inputs, outputs, [models.weights("table", table)])


def hits(path: Path) -> None:
    """Return as many rows as there are hits, as a detector's post-processing does."""
    nodes = [
        helper.make_node("Greater", ["scores", "zero"], ["hit"]),
        helper.make_node("Reshape", ["hit", "flat"], ["hits"]),
        helper.make_node("Compress", ["scores", "hits"], ["found"]),
    ]
    constants = [
        models.weights("zero", np.array(0, np.float32)),
        models.weights("flat", np.array([-1], np.int64)),
    ]
    inputs = [models.value("scores", TensorProto.FLOAT, ["batch", "boxes"])]
    models.save(path, nodes, inputs, [models.value("found", TensorProto.FLOAT, ["hits"])], constants)


def ask(server: Server, body: dict[str, Any]) -> tuple[float, ...]:
    answer = server.post("/v2/models/m/infer", body)
    assert answer.status == 200, answer
    return tuple(round(number, 4) for number in answer.json()["outputs"][0]["data"])


# Two kinds of requests to each model, whose rows would change each other's answers in one run.
TOKENS = [{"inputs": [tensor("ids", "INT64", [1, 1], [token])]} for token in (2, 3)]
BOXES = [{"inputs": [tensor("scores", "FP32", [1, 2], scores)]} for scores in ([0.7, 0.9], [-1.0, -1.0])]


@pytest.mark.parametrize(
    ("make", "bodies", "alone"),
    [
        (quantised, TOKENS, [(0.05,) * 8, (40.0,) * 8]),
        (hits, BOXES, [(0.7, 0.9), ()]),
    ],
)
def test_concurrent_answers_are_those_of_each_request_alone(
    volume: Volume, start: StartServer, make: Any, bodies: list[Any], alone: list[Any]
) -> None:
    volume.add("m", "v1", make)
    volume.point("m", "v1")
    server = start().wait_ready()
    assert [ask(server, body) for body in bodies] == alone
    places = [0, 1] * (CLIENTS * REQUESTS // 2)
    with ThreadPoolExecutor(CLIENTS) as clients:
        answers = list(clients.map(lambda place: (place, ask(server, bodies[place])), places))
    assert Counter(answers) == Counter((place, alone[place]) for place in places)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (quantised, "output 'y': DynamicQuantizeLinear (output 'q'): it computes one scale from all rows"),
        (hits, "output 'found': Compress (output 'found'): it takes elements from anywhere"),
    ],
)
def test_a_version_that_mixes_rows_may_not_batch(
    volume: Volume, start: StartServer, make: Any, words: str
) -> None:
    volume.add("m", "v1", make, {"batching": {}})
    volume.point("m", "v1")
    reason = start().wait_refused("v1")
    assert reason.startswith(f"serving.json: batching: {words}")
    assert '"rows_are_independent": true' in reason


def test_an_author_may_promise_that_rows_are_independent(volume: Volume, start: StartServer) -> None:
    volume.add("m", "v1", quantised, {"batching": {"rows_are_independent": True}})
    volume.point("m", "v1")
    server = start().wait_ready()
    assert ask(server, TOKENS[0]) == (0.05,) * 8
    assert [record["model"] for record in server.logged("batching is not tried")] == ["m"]
