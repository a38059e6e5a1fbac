"""Requests that share a run of the model, as a bundle asks for it."""

import http.client
import json
import threading
from contextlib import ExitStack, closing
from functools import partial
from typing import Any

import pytest

import models
from servers import DEADLINE_SECONDS, Server, tensor
from slow import wait_queued
from volumes import Volume

from .conftest import StartServer

PATH = "/v2/models/sums/infer"


def ask(value: float, rows: int = 1) -> dict[str, Any]:
    data = [value] * 2 * rows
    return {"inputs": [tensor(name, "FP32", [rows, 2], data) for name in ("a", "b")]}


def stats(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = server.get("/v2/models/sums/stats").json()["model_stats"][0]
    return found


class Clients:
    """Connections that are open, and send when told to."""

    def __init__(self, server: Server, number: int) -> None:
        """Connect."""
        self._stack = ExitStack()
        self.connections = [self._connect(server.port) for _ in range(number)]

    def _connect(self, port: int) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_SECONDS)
        connection.connect()
        return self._stack.enter_context(closing(connection))

    def send(self, at: int, value: Any) -> None:
        """Send a request, and do not wait for its answer."""
        self.connections[at].request("POST", PATH, json.dumps(value))

    def answer(self, at: int) -> tuple[int, Any]:
        """Read the answer."""
        response = self.connections[at].getresponse()
        return response.status, json.loads(response.read())

    def close(self, at: int) -> None:
        """Go away."""
        self.connections[at].close()

    def __enter__(self) -> "Clients":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


@pytest.fixture
def serve(volume: Volume, start: StartServer) -> Any:
    """Start a server of a model with these words about batching."""

    def run(*arguments: str, **batching: Any) -> Server:
        volume.add("sums", "v1", models.add, {"batching": batching})
        volume.point("sums", "v1")
        return start(*arguments).wait_ready()

    return run


def test_waits_for_others_and_answers_each_its_own(serve: Any) -> None:
    server = serve(max_batch_size=4, max_delay="1h")
    with Clients(server, 5) as clients:
        for at in range(4):
            clients.send(at, ask(at))
        for at in range(4):
            status, answer = clients.answer(at)
            assert status == 200
            assert answer["outputs"][0]["data"] == [2 * at, 2 * at]
    told = stats(server)
    assert (told["inference_count"], told["execution_count"]) == (4, 1)
    assert [entry["batch_size"] for entry in told["batch_stats"]] == [4]
    assert told["batch_stats"][0]["compute_infer"]["count"] == 1
    assert {told["inference_stats"][key]["count"] for key in ("success", "queue", "compute_infer")} == {4}
    assert told["inference_stats"]["fail"]["count"] == 0


def test_does_not_wait_once_the_delay_is_over(serve: Any) -> None:
    server = serve(max_batch_size=4, max_delay="50ms")
    with Clients(server, 3) as clients:
        clients.send(0, ask(1))
        assert clients.answer(0)[0] == 200


def test_a_client_that_is_alone_does_not_wait(serve: Any) -> None:
    server = serve(max_batch_size=4, max_delay="1h")
    with Clients(server, 1) as clients:
        for value in range(20):
            clients.send(0, ask(value))
            assert clients.answer(0)[0] == 200
    assert stats(server)["execution_count"] == 20


def test_all_clients_that_there_are_do_not_wait_for_more(serve: Any) -> None:
    server = serve(max_batch_size=32, max_delay="1h")
    with Clients(server, 3) as clients:
        for _ in range(10):
            for at in range(3):
                clients.send(at, ask(at))
            assert [clients.answer(at)[0] for at in range(3)] == [200] * 3
    assert stats(server)["execution_count"] == 10


def test_a_request_that_is_larger_than_a_batch_runs_alone(serve: Any) -> None:
    server = serve(max_batch_size=4, max_delay="1h")
    with Clients(server, 2) as clients:
        clients.send(0, ask(1, rows=9))
        clients.send(1, ask(2))
        status, answer = clients.answer(0)
        assert (status, answer["outputs"][0]["shape"]) == (200, [9, 2])
        assert clients.answer(1)[0] == 200
    assert {entry["batch_size"] for entry in stats(server)["batch_stats"]} == {1, 9}


def test_bad_input_of_one_harms_no_other(volume: Volume, start: StartServer) -> None:
    volume.add("pick", "v1", models.pick, {"batching": {"max_batch_size": 3, "max_delay": "1h"}})
    volume.point("pick", "v1")
    server = start().wait_ready()
    values: list[Any] = [1, 99, "x"]
    answers: dict[int, Any] = {}

    def send(at: int) -> None:
        answers[at] = server.post(
            "/v2/models/pick/infer", {"inputs": [tensor("x", "INT64", [1], [values[at]])]}
        )

    threads = [threading.Thread(target=send, args=(at,)) for at in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answers[at].status for at in range(3)] == [200, 400, 400]
    assert answers[0].json()["outputs"][0]["data"] == [1.0]
    assert "the model fails on these inputs" in answers[1].error
    assert '"x" is no INT64 value' in answers[2].error


def test_turns_away_what_the_queue_cannot_hold(serve: Any) -> None:
    server = serve(max_batch_size=4, max_delay="1h", max_queue=2)
    with Clients(server, 4) as clients:
        for at in (0, 1):
            clients.send(at, ask(at))
        wait_queued(server, 2)
        clients.send(2, ask(2))
        status, answer = clients.answer(2)
        assert (status, answer["error"]) == (
            503,
            "model 'sums' is busy: 2 requests wait already (batching.max_queue); try again",
        )
        assert server.metric("modelsidecar_inference_rejected_total") == 1


def test_a_client_that_goes_away_frees_its_place(serve: Any) -> None:
    server = serve(max_batch_size=4, max_delay="1h", max_queue=2)
    with Clients(server, 4) as clients:
        for at in (0, 1):
            clients.send(at, ask(at))
        wait_queued(server, 2)
        clients.close(0)
        wait_queued(server, 1)
        clients.send(2, ask(2))
        wait_queued(server, 2)


def test_a_request_that_waits_too_long_is_told_so(serve: Any) -> None:
    server = serve(max_batch_size=4, max_delay="1h", timeout="100ms")
    with Clients(server, 2) as clients:
        clients.send(0, ask(1))
        status, answer = clients.answer(0)
        sentence = "the request has waited longer than 0.1 s (batching.timeout); try again"
        assert (status, answer["error"]) == (503, f"model 'sums' is busy: {sentence}")


def test_finishes_what_waits_when_it_ends(serve: Any) -> None:
    server = serve(max_batch_size=4, max_delay="1h")
    with Clients(server, 2) as clients:
        clients.send(0, ask(1))
        wait_queued(server, 1)
        assert server.stop() == 0
        assert clients.answer(0)[0] == 200


def test_swaps_while_requests_wait(volume: Volume, serve: Any) -> None:
    server = serve(max_batch_size=4, max_delay="1h")
    with Clients(server, 4) as clients:
        clients.send(0, ask(1))
        wait_queued(server, 1)
        volume.add("sums", "v2", models.add, {"batching": {"max_batch_size": 2, "max_delay": "1h"}})
        volume.point("sums", "v2")
        server.wait_version("v2")
        clients.send(1, ask(2))
        for at in (0, 1):
            status, answer = clients.answer(at)
            assert (status, answer["model_version"]) == (200, "v2")


def test_a_version_that_cannot_batch_is_refused(volume: Volume, start: StartServer) -> None:
    volume.add("fixed", "v1", partial(models.classifier, batch=1), {"batching": {}})
    volume.point("fixed", "v1")
    reason = start().wait_refused("v1")
    assert reason.startswith("serving.json: batching: input 'image' has shape [1, 1, 8, 8]: a batch needs")
