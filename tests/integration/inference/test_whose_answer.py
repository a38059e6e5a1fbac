"""Every answer is that of its own request: many clients, all forms, shared runs, and swaps meanwhile."""

import json

import pytest

from servers import eventually
from volumes import Volume
from whose_answer import Swaps, asked, is_right, rows_of

from .conftest import StartServer

REQUESTS, CLIENTS = 20_000, 12


def test_every_client_gets_the_answer_to_its_own_request(volume: Volume, start: StartServer) -> None:
    swaps = Swaps(volume)
    server = start("--poll", "100ms", "--model", "apart", "--model", "shared").wait_ready()
    counts = asked(server.port, REQUESTS, CLIENTS, swaps.next)
    assert dict(counts) == {"right": REQUESTS - REQUESTS % CLIENTS}
    assert swaps.number > 2
    server.wait_version(f"v{swaps.number}", "apart")
    eventually(lambda: server.metric("modelsidecar_inference_in_flight") == 0, "nothing stays behind")
    assert server.metric("modelsidecar_inference_batch_size_count") < REQUESTS, "no run was shared"


@pytest.mark.parametrize(
    ("identity", "client", "version", "right"),
    [("1-1", 1, 3, True), ("1-2", 1, 3, False), ("1-1", 2, 3, False), ("1-1", 1, 2, False)],
)
def test_the_answer_of_another_request_or_version_would_be_found(
    identity: str, client: int, version: int, right: bool
) -> None:
    rows = rows_of(client, 1)
    columns = {"y": rows * 2 + 1, "total": rows.sum(1, keepdims=True), "ver": rows[:, :1] * 0 + version}
    outputs = [
        {"name": name, "shape": array.shape, "data": array.ravel().tolist()}
        for name, array in columns.items()
    ]
    body = json.dumps({"id": identity, "model_version": "v3", "outputs": outputs}).encode()
    assert is_right("1-1", rows_of(1, 1), len(body), body) is right
