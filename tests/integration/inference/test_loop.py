"""What the I/O loop runs itself."""

import http.client
import json
import socket
from contextlib import closing

import models
from servers import DEADLINE_SECONDS, eventually
from slow import ENDLESS, LONG, Asking, rounds, wait_in_flight
from volumes import Volume

from .conftest import StartServer
from .test_batching import PATH, Clients, ask, stats


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


def test_requests_of_one_moment_share_a_run_unasked(volume: Volume, start: StartServer) -> None:
    volume.add("sums", "v1", models.add)
    volume.point("sums", "v1")
    server = start().wait_ready()
    body = json.dumps(ask(1)).encode()
    posts = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (PATH.encode(), len(body), body)

    def shared() -> bool:
        with Clients(server, 16) as clients:
            for connection in clients.connections:
                assert connection.sock is not None
                connection.sock.sendall(posts)
            for connection in clients.connections:
                response = http.client.HTTPResponse(connection.sock)
                response.begin()
                assert json.loads(response.read())["outputs"][0]["data"] == [2, 2]
        told = stats(server)
        return bool(told["execution_count"] < told["inference_count"])

    eventually(shared, "a shared run")


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
