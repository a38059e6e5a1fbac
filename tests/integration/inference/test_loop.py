"""What the I/O loop runs itself."""

import http.client
import json
import socket
import time
from contextlib import closing
from typing import IO, Any

import models
from servers import DEADLINE_SECONDS, Server, post_bytes, tensor
from slow import ENDLESS, LONG, Asking, rounds, wait_in_flight
from volumes import Volume

from .conftest import StartServer

WORDS = "/v2/models/words/infer"
# For which a server that answers at all does not stay silent.
SILENCE_SECONDS = 1.0


def post_words(*words: str) -> bytes:
    """Make a request to the model that says the words again."""
    return post_bytes(WORDS, {"inputs": [tensor("x", "BYTES", [1, len(words)], list(words))]})


def read_words(answers: IO[bytes]) -> Any:
    """Read the next answer."""
    assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
    length = http.client.parse_headers(answers)["Content-Length"]
    assert length is not None
    return json.loads(answers.read(int(length)))["outputs"][0]["data"]


def answered(server: Server) -> float:
    return server.metric("modelsidecar_inference_requests_total")


def is_answered(server: Server, number: float) -> bool:
    """Wait until that many requests are answered, or the server is silent."""
    deadline = time.monotonic() + SILENCE_SECONDS
    while answered(server) < number and time.monotonic() < deadline:
        pass
    return answered(server) >= number


def test_a_slow_request_is_taken_off_the_loop_and_answered(volume: Volume, start: StartServer) -> None:
    volume.add("slow", "v1", models.slow)
    volume.point("slow", "v1")
    server = start("--drain-timeout", "0s").wait_ready()
    path = "/v2/models/slow/infer"
    for _ in range(100):
        assert server.post(path, rounds(0)).status == 200
    with closing(http.client.HTTPConnection("127.0.0.1", server.port)) as connection:
        connection.request("POST", path, json.dumps(rounds(ENDLESS)))
        wait_in_flight(server, 1)
        # The I/O loop answers this, so it does not run the endless one, or no more.
        assert server.get("/v2/health/live").status == 200
        assert Asking(server, LONG).status == 200
        assert server.metric("modelsidecar_inference_in_flight") == 1


def test_closes_what_a_thread_has_answered_for_the_last_time(volume: Volume, start: StartServer) -> None:
    volume.add("slow", "v1", models.slow)
    volume.point("slow", "v1")
    server = start().wait_ready()
    body = json.dumps(rounds(40)).encode()
    head = b"POST /v2/models/slow/infer HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    head += b"Content-Length: %d\r\n\r\n" % len(body)
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", server.port), DEADLINE_SECONDS) as connection:
            connection.sendall(head + body)
            with connection.makefile("rb") as answer:
                # Up to the end of the connection.
                assert answer.read().startswith(b"HTTP/1.1 200 OK\r\n")


def test_requests_sent_without_a_wait_are_answered_in_order(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), DEADLINE_SECONDS) as connection:
        connection.sendall(b"".join(post_words(str(number), "x") for number in range(1000)))
        with connection.makefile("rb") as answers:
            for number in range(1000):
                assert read_words(answers) == [str(number), "x"]


def test_a_client_that_reads_late_gets_every_answer(server: Server) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(DEADLINE_SECONDS)
        connection.connect(("127.0.0.1", server.port))
        before, sent = answered(server), 0
        # One at a time, until what the system holds for a client is full in the middle of an answer.
        while sent == 0 or is_answered(server, before + sent):
            assert sent < 500
            connection.sendall(post_words(str(sent), "x" * 30_000))
            sent += 1
        connection.sendall(b"".join(post_words(str(number), "y") for number in range(sent, sent + 3)))
        with connection.makefile("rb") as answers:
            assert [read_words(answers)[0] for _ in range(sent + 3)] == [str(n) for n in range(sent + 3)]
