"""The process: how it ends, what it does when it is busy, and its workers."""

import http.client
import json
import signal
import socket
import subprocess
from contextlib import closing

import pytest

import models
from servers import DEADLINE_SECONDS, eventually, post_bytes, serve_command
from slow import ENDLESS, LONG, PATH, Asking, rounds, wait_in_flight, wait_queued
from volumes import Volume

from .conftest import StartServer


@pytest.fixture(autouse=True)
def slow_model(volume: Volume) -> None:
    """Every server here has a model that takes as long as a request says."""
    volume.add("slow", "v1", models.slow)
    volume.point("slow", "v1")


def test_finishes_what_is_in_flight_on_sigterm_and_exits_with_0(start: StartServer) -> None:
    server = start().wait_ready()
    asking = Asking(server, LONG)
    wait_in_flight(server, 1)
    assert server.stop() == 0
    assert asking.status == 200
    assert server.logged("stopped")


def test_is_not_ready_at_once_but_serves_on_for_a_while(start: StartServer) -> None:
    server = start("--drain-wait", "1h").wait_ready()
    server.process.send_signal(signal.SIGTERM)
    eventually(lambda: server.admin("/readyz").status == 503, "not ready")
    assert server.admin("/readyz").error == "shutting down"
    assert server.admin("/healthz").status == 200
    answer = server.post(PATH, rounds(1))
    assert answer.status == 200
    assert answer.headers["connection"] == "close"


def test_a_second_signal_ends_it_at_once(start: StartServer) -> None:
    server = start("--drain-wait", "1h").wait_ready()
    server.process.send_signal(signal.SIGTERM)
    eventually(lambda: server.logged("stopping"), "stopping")
    assert server.stop(signal.SIGINT) == 128 + signal.SIGINT


def test_signals_that_ask_for_nothing_end_nothing(start: StartServer) -> None:
    server = start().wait_ready()
    harmless = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
    for number in harmless:
        server.process.send_signal(number)
        eventually(
            lambda: [line["signal"] for line in server.logged("signal ignored")][-1:] == [number.name],  # noqa: B023
            number.name,
        )
    server.process.send_signal(signal.SIGQUIT)
    eventually(
        lambda: (
            {"MainThread", f"io-{server.port}"} <= {line["in_thread"] for line in server.logged("thread")}
        ),
        "stacks",
    )
    assert server.post(PATH, rounds(1)).status == 200
    assert server.stop() == 0


def test_a_stderr_that_nobody_reads_stops_no_request_and_no_end(volume: Volume) -> None:
    command = [*serve_command(volume.root), "--host", "127.0.0.1", "--access-log", "on", "--drain-wait", "0"]
    with subprocess.Popen([*command, "--port", "0", "--admin-port", "0"], stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        line: dict[str, object] = {}
        while line.get("message") != "listening":
            line = json.loads(process.stderr.readline())
        with closing(http.client.HTTPConnection("127.0.0.1", int(str(line["port"])), 60)) as connection:
            # A pipe holds 64 KiB, and each request is logged with its path.
            for _ in range(300):
                connection.request("GET", "/" + "x" * 1000)
                assert connection.getresponse().read()
        process.terminate()
        assert process.wait(DEADLINE_SECONDS) == 0


def test_cuts_off_what_takes_longer_than_the_drain_may_take(start: StartServer) -> None:
    server = start("--drain-timeout", "100ms").wait_ready()
    with closing(http.client.HTTPConnection("127.0.0.1", server.port)) as connection:
        connection.request("POST", PATH, json.dumps(rounds(ENDLESS)))
        wait_in_flight(server, 1)
        assert server.stop() == 0
    (line,) = server.logged("requests were cut off; give more --drain-timeout")
    assert line["requests"] == 1


def test_closes_idle_connections_when_it_ends(start: StartServer) -> None:
    server = start().wait_ready()
    with socket.create_connection(("127.0.0.1", server.port)) as idle:
        eventually(lambda: server.get("/").status == 200, "answers")
        assert server.stop() == 0
        assert idle.recv(1) == b""


def test_turns_away_what_the_queue_cannot_hold_while_health_answers(start: StartServer) -> None:
    server = start("--concurrency", "1", "--queue", "2", "--drain-timeout", "0s").wait_ready()
    asking = [Asking(server, LONG)]
    wait_in_flight(server, 1)
    for waiting in (1, 2):
        asking.append(Asking(server, 1))
        wait_queued(server, waiting)
    answer = server.post(PATH, rounds(1))
    assert answer.status == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.error == "model 'slow' is busy: 2 requests wait already; try again"
    for path in ("/", "/v2/health/live", "/v2/health/ready", "/v2/models/slow/ready", "/version"):
        assert server.get(path).status == 200
    assert server.post("/v2/repository/index", {}).status == 200
    assert server.metric("modelsidecar_inference_rejected_total") == 1
    assert [one.status for one in asking] == [200, 200, 200]


def test_a_rejected_request_leaves_its_connection_open(start: StartServer) -> None:
    server = start("--concurrency", "1", "--queue", "1").wait_ready()
    long = Asking(server, LONG)
    wait_in_flight(server, 1)
    queued = Asking(server, 1)
    wait_queued(server, 1)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE_SECONDS)
    connection.request("POST", PATH, json.dumps(rounds(1)))
    rejected = connection.getresponse()
    assert (rejected.status, rejected.read()[:9]) == (503, b'{"error":')
    assert (long.status, queued.status) == (200, 200)
    kept = connection.sock
    connection.request("POST", PATH, json.dumps(rounds(1)))
    assert connection.getresponse().status == 200
    assert connection.sock is kept
    connection.close()


def test_answers_requests_that_a_client_sends_all_at_once_in_their_order(start: StartServer) -> None:
    server = start().wait_ready()
    post = post_bytes(PATH, rounds(1))
    get = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_SECONDS) as connection:
        connection.sendall(post + get + post + last)
        data = b""
        while part := connection.recv(1 << 16):
            data += part
    assert data.count(b"HTTP/1.1 200 OK") == 3
    assert data.index(b"Healthy") > data.index(b"model_name")
    assert data.rindex(b"model_name") > data.index(b"Healthy")
    assert b"/last: no such path" in data


def test_a_port_that_is_taken_is_named_with_the_cure(volume: Volume) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = serve_command(volume.root)
        ports = ["--host", "127.0.0.1", "--port", port, "--admin-port", "0"]
        done = subprocess.run(
            [*command, *ports], stderr=subprocess.PIPE, check=False, timeout=DEADLINE_SECONDS
        )
    assert done.returncode == 1
    entry = json.loads(done.stderr.splitlines()[-1])
    assert entry["message"] == "cannot listen: choose another --port or --host"
    assert str(entry["port"]) == port
