"""Clients that misbehave: slow ones, vanished ones, many; and what HTTP allows but few send."""

import json
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPResponse
from typing import Any

import numpy as np
import pytest

import models
from servers import DEADLINE_SECONDS, Server, eventually, tensor
from volumes import Volume

from .conftest import INFER, StartServer, image

SLOW = "/v2/models/slow/infer"
BODY = json.dumps({"inputs": [image()]}).encode()
# Left to this process for what is none of these connections.
SPARE_FILES = 200


def connected(server: Server, data: bytes = b"", port: int | None = None) -> socket.socket:
    """Connect, and send bytes."""
    connection = socket.create_connection(("127.0.0.1", port or server.port), timeout=DEADLINE_SECONDS)
    try:
        connection.sendall(data)
    except OSError:
        connection.close()
        raise
    return connection


def request(path: str, body: bytes, *headers: str) -> bytes:
    """Write a POST of JSON as HTTP has it."""
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def answer(connection: socket.socket) -> tuple[int, Any]:
    """Read the next answer: its status, and its JSON."""
    with HTTPResponse(connection) as response:
        response.begin()
        return response.status, json.loads(response.read())


@contextmanager
def crowd(
    server: Server, count: int, data: bytes = b"", port: int | None = None
) -> Iterator[list[socket.socket]]:
    """That many connections which have sent some bytes."""
    with ExitStack() as stack:
        yield [stack.enter_context(connected(server, data, port)) for _ in range(count)]


def assert_serves(server: Server) -> None:
    """Clients and probes get their answers."""
    assert server.post(INFER, {"inputs": [image()]}).status == 200
    assert server.get("/v2/health/ready").status == 200
    assert [server.admin(path).status for path in ("/healthz", "/readyz", "/metrics")] == [200] * 3


@pytest.mark.parametrize(
    "start",
    [
        b"POST / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"POST /v2/models/digits/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{",
    ],
)
def test_clients_that_drip_do_not_block_others(server: Server, start: bytes) -> None:
    with crowd(server, 300, start) as slow:
        for _ in range(3):
            for connection in slow:
                connection.sendall(b" ")
            assert_serves(server)


def test_a_client_that_drips_is_answered_in_the_end(server: Server) -> None:
    with connected(server) as connection:
        for byte in request(INFER, BODY):
            connection.sendall(bytes([byte]))
        assert answer(connection)[0] == 200


def test_idle_connections_by_the_thousand_do_not_block_others(server: Server) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4000 if hard == resource.RLIM_INFINITY else min(4000, hard - SPARE_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted + SPARE_FILES), hard))
    try:
        with crowd(server, wanted):
            assert_serves(server)
        with crowd(server, 1000, port=server.admin_port):
            assert_serves(server)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("size", [2**18, 2**20])
def test_headers_that_are_too_large_are_told(server: Server, size: int) -> None:
    head = b"GET / HTTP/1.1\r\nHost: x\r\nX-Large: " + b"x" * size + b"\r\n\r\n"
    for port in (server.port, server.admin_port):
        with connected(server, head, port) as connection:
            status, said = answer(connection)
            assert (status, said["error"][:23]) == (431, "the head is longer than")
    assert_serves(server)


def test_requests_in_one_go_are_answered_in_order(server: Server) -> None:
    bodies = [json.dumps({"id": str(number), "inputs": [image()]}).encode() for number in range(8)]
    with connected(server, b"".join(request(INFER, body) for body in bodies)) as connection:
        # One reader of all: a response's own would take bytes of the next.
        stream = connection.makefile("rb")
        ids = []
        for _ in bodies:
            head = b"".join(iter(stream.readline, b"\r\n")).lower()
            length = int(head.split(b"content-length: ")[1].split()[0])
            ids.append(json.loads(stream.read(length))["id"])
    assert ids == [str(number) for number in range(8)]


def test_a_client_that_expects_100_continue_is_told_to(server: Server) -> None:
    head = request(INFER, BODY, "Expect: 100-continue").removesuffix(BODY)
    with connected(server, head) as connection:
        assert connection.recv(1 << 16) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(BODY)
        assert answer(connection)[0] == 200


@pytest.mark.parametrize(("header", "closes"), [("X: x", True), ("Connection: keep-alive", False)])
def test_http_1_0_is_spoken(server: Server, header: str, closes: bool) -> None:
    old = request(INFER, BODY, header).replace(b"HTTP/1.1", b"HTTP/1.0")
    with connected(server, old) as connection, HTTPResponse(connection) as response:
        response.begin()
        assert (response.status, response.version, response.will_close) == (200, 10, closes)
        assert json.loads(response.read())["model_name"] == "digits"


def test_a_chunked_body_is_read(server: Server) -> None:
    head = request(INFER, b"", "Transfer-Encoding: chunked").replace(b"Content-Length: 0\r\n", b"")
    parts = [BODY[at : at + 7] for at in range(0, len(BODY), 7)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    with connected(server, head + chunks + b"0\r\n\r\n") as connection:
        assert answer(connection)[0] == 200


@pytest.mark.parametrize("chunk", [b"x\r\nhello\r\n", b"-1\r\n", b"5\r\nhello!\r\n"])
def test_a_chunked_body_that_is_none_is_told(server: Server, chunk: bytes) -> None:
    head = f"POST {INFER} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    with connected(server, head + chunk + b"0\r\n\r\n") as connection:
        status, said = answer(connection)
        assert (status, list(said)) == (400, ["error"])


def test_a_client_that_says_it_is_done_leaves_nothing_behind(server: Server) -> None:
    for data in (request(INFER, BODY), request(INFER, BODY)[:-1], b"GET /", b""):
        with connected(server, data) as connection:
            connection.shutdown(socket.SHUT_WR)
            said = b"".join(iter(lambda: connection.recv(1 << 16), b""))
            assert said == b"" or said.startswith(b"HTTP/1.1 200 ")


# --- Clients that go away ---


@pytest.fixture
def busy(volume: Volume, start: StartServer) -> Server:
    """A server with one thread, a short queue, and a model as slow as asked for."""
    volume.add("slow", "v1", models.slow)
    volume.add("digits", "v1", models.classifier, {"image": {}})
    for name in ("slow", "digits"):
        volume.point(name, "v1")
    flags = ("--model", "digits", "--model", "slow", "--concurrency", "1", "--queue", "4", "--threads", "1")
    return start(*flags).wait_ready()


def rounds(count: int) -> bytes:
    """A request that takes about that many milliseconds."""
    return request(SLOW, json.dumps({"inputs": [tensor("rounds", "INT64", [], [count])]}).encode())


def waiting(server: Server) -> tuple[float, float]:
    names = ("modelsidecar_inference_in_flight", "modelsidecar_inference_queue_length")
    return server.metric(names[0]), server.metric(names[1])


@pytest.mark.parametrize("reset", [False, True])
def test_clients_that_vanish_free_their_places(busy: Server, reset: bool) -> None:
    for _ in range(3):
        with ExitStack() as stack:
            gone = [stack.enter_context(connected(busy, rounds(1000))) for _ in range(5)]
            eventually(lambda: waiting(busy) == (1, 4), "one to run and four to wait")
            if reset:
                for connection in gone:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        eventually(lambda: waiting(busy) == (0, 0), "nobody is left")
    assert_serves(busy)
    with connected(busy, rounds(1)) as connection:
        assert answer(connection)[0] == 200
    assert busy.logged("a connection failed") == []


def test_a_client_that_vanishes_while_it_sends_leaves_nothing_behind(busy: Server) -> None:
    for end in (10, 100, len(BODY)):
        connected(busy, request(INFER, BODY)[:end]).close()
    assert waiting(busy) == (0, 0)
    assert_serves(busy)


def test_a_client_that_reads_nothing_does_not_block_others(server: Server) -> None:
    value = np.zeros((2000, 1, 8, 8), np.float32).ravel().tolist()
    body = json.dumps({"inputs": [image(shape=(2000, 1, 8, 8), data=value)]}).encode()
    with crowd(server, 20, request(INFER, body) * 2):
        assert_serves(server)


def test_requests_of_clients_that_vanished_are_not_run(busy: Server) -> None:
    with connected(busy, rounds(10_000)) as first:
        eventually(lambda: waiting(busy) == (1, 0), "one to run")
        with crowd(busy, 3, rounds(100)):
            eventually(lambda: waiting(busy) == (1, 3), "three to wait")
        assert answer(first)[0] == 200
    eventually(lambda: waiting(busy) == (0, 0), "nobody is left")
    (stats,) = busy.get("/v2/models/slow/stats").json()["model_stats"]
    assert stats["execution_count"] == 1
