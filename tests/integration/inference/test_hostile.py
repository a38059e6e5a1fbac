"""Clients that are slow, go away, or do not read: none of them blocks others."""

import json
import socket
from contextlib import ExitStack, closing

import models
from servers import DEADLINE_SECONDS, Server, tensor
from slow import LONG, PATH, Asking, rounds, wait_in_flight, wait_queued
from volumes import Volume

from .conftest import INFER, StartServer, image

BODY = json.dumps({"inputs": [image()]}).encode()
HEAD = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (INFER.encode(), len(BODY))


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_SECONDS)


def read_answer(connection: socket.socket) -> bytes:
    data = b""
    while b"model_version" not in data:
        part = connection.recv(1 << 16)
        assert part, data
        data += part
    return data


def test_a_client_that_sends_byte_by_byte_is_answered_and_blocks_nobody(server: Server) -> None:
    request = HEAD + BODY
    with closing(connect(server)) as slow:
        for at in range(len(request) - 1):
            slow.sendall(request[at : at + 1])
            if at % 200 == 0:
                assert server.post(INFER, {"inputs": [image()]}).status == 200
        slow.sendall(request[-1:])
        assert read_answer(slow).startswith(b"HTTP/1.1 200 OK")


def test_many_clients_that_never_finish_block_nobody(server: Server) -> None:
    with ExitStack() as stack:
        for _ in range(150):
            connection = stack.enter_context(closing(connect(server)))
            connection.sendall(HEAD + BODY[:10])
        for _ in range(20):
            assert server.post(INFER, {"inputs": [image()]}).status == 200
            assert server.get("/v2/health/ready").status == 200


def test_a_client_that_does_not_read_its_answers_blocks_nobody(server: Server) -> None:
    get = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
    with closing(connect(server)) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 12)
        deaf.settimeout(1)
        try:
            for _ in range(20):
                deaf.sendall(get * 1000)
        except TimeoutError:
            pass  # the server reads no more from it, as it should
        for _ in range(20):
            assert server.post(INFER, {"inputs": [image()]}).status == 200


def test_clients_that_go_away_in_the_middle_harm_nobody(server: Server) -> None:
    for sent in (HEAD[:20], HEAD, HEAD + BODY[:-1], HEAD + BODY, (HEAD + BODY) * 50):
        with closing(connect(server)) as gone:
            gone.sendall(sent)
        assert server.post(INFER, {"inputs": [image()]}).status == 200


def test_a_client_that_goes_away_frees_its_place_in_the_queue(volume: Volume, start: StartServer) -> None:
    volume.add("slow", "v1", models.slow)
    volume.point("slow", "v1")
    server = start("--concurrency", "1", "--queue", "1").wait_ready()
    long = Asking(server, LONG)
    wait_in_flight(server, 1)
    with closing(connect(server)) as gone:
        body = json.dumps(rounds(1)).encode()
        gone.sendall(
            b"POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s" % (PATH.encode(), len(body), body)
        )
        wait_queued(server, 1)
    wait_queued(server, 0)
    queued = Asking(server, 1)
    wait_queued(server, 1)
    assert (long.status, queued.status) == (200, 200)


def test_large_bodies_come_and_go_whole(volume: Volume, start: StartServer) -> None:
    volume.add("same", "v1", models.identity)
    volume.point("same", "v1")
    server = start().wait_ready()
    rows = 400_000
    raw = b"".join(number.to_bytes(8, "little") for number in range(rows))
    given = tensor("x", "FP32", [rows, 2], None) | {"parameters": {"binary_data_size": len(raw)}}
    del given["data"]
    text = json.dumps({"inputs": [given], "parameters": {"binary_data_output": True}}).encode()
    headers = {"Inference-Header-Content-Length": str(len(text))}
    answer = server.request("POST", "/v2/models/same/infer", text + raw, headers)
    assert answer.status == 200
    assert answer.body.endswith(raw)
    small = {"inputs": [tensor("x", "FP32", [1, 2], [1, 2])]}
    assert server.post("/v2/models/same/infer", small).json()["outputs"][0]["data"] == [1, 2]
