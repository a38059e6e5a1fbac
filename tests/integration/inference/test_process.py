"""The process: how it ends, what it does when it is busy, and its workers."""

import http.client
import json
import os
import signal
import socket
import subprocess
import threading
from contextlib import closing
from pathlib import Path

import pytest

import models
from servers import DEADLINE_SECONDS, Answer, Server, eventually, serve_command, tensor
from volumes import Volume

from .conftest import StartServer

PATH = "/v2/models/slow/infer"


@pytest.fixture(autouse=True)
def slow_model(volume: Volume) -> None:
    """Every server here has a model that takes as long as a request says."""
    volume.add("slow", "v1", models.slow)
    volume.point("slow", "v1")


def rounds(number: int) -> dict[str, object]:
    return {"inputs": [tensor("rounds", "INT64", [], [number])]}


class Asking(threading.Thread):
    """A request on its way."""

    def __init__(self, server: Server, number: int) -> None:
        """Send it."""
        super().__init__()
        self.server, self.number = server, number
        self.answer: Answer | None = None
        self.start()

    def run(self) -> None:
        """Wait for the answer."""
        self.answer = self.server.post(PATH, rounds(self.number))

    @property
    def status(self) -> int:
        """Return the status, once the answer is there."""
        self.join(DEADLINE_SECONDS)
        assert self.answer is not None
        return self.answer.status


def wait_in_flight(server: Server, number: int) -> None:
    eventually(lambda: server.metric("modelsidecar_inference_in_flight") == number, f"{number} in flight")


def wait_queued(server: Server, number: int) -> None:
    eventually(lambda: server.metric("modelsidecar_inference_queue_length") == number, f"{number} queued")


# More rounds than any test waits for, unless it means to.
LONG, ENDLESS = 3000, 10**7


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
    assert answer.error == "the server is busy: 2 requests wait already; try again"
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
    body = json.dumps(rounds(1)).encode()
    post = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (PATH.encode(), len(body), body)
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


def worker_pids(server: Server) -> list[int]:
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    return [int(pid) for pid in children.split()]


def test_workers_share_the_ports_and_one_that_dies_is_replaced(start: StartServer) -> None:
    server = start("--workers", "2").wait_ready()
    eventually(lambda: len(server.logged("serving")) == 2, "both serve")
    first = worker_pids(server)
    assert len(first) == 2
    for _ in range(20):
        assert server.post(PATH, rounds(1)).status == 200
    os.kill(first[0], signal.SIGKILL)
    eventually(lambda: server.logged("a worker ended; starting it again"), "noticed")
    eventually(lambda: len(server.logged("listening")) == 3, "replaced")
    assert set(worker_pids(server)) & set(first) == {first[1]}
    for _ in range(20):
        assert server.post(PATH, rounds(1)).status == 200
    eventually(lambda: server.metric("modelsidecar_inference_requests_total") >= 40, "metrics of all workers")
    assert server.stop() == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in first)


def test_all_workers_swap(volume: Volume, start: StartServer) -> None:
    server = start("--workers", "2").wait_ready()
    eventually(lambda: len(server.logged("serving")) == 2, "both serve")
    volume.add("slow", "v2", models.slow)
    volume.point("slow", "v2")
    eventually(lambda: [line["version"] for line in server.logged("serving")].count("v2") == 2, "both swap")
    assert {line["worker"] for line in server.logged("serving")} == {1, 2}
    assert server.post(PATH, rounds(1)).json()["model_version"] == "v2"


def test_metrics_tell_what_all_workers_serve(volume: Volume, start: StartServer) -> None:
    server = start("--workers", "2").wait_ready()
    eventually(lambda: len(server.logged("serving")) == 2, "both serve")
    stopped = worker_pids(server)[0]
    os.kill(stopped, signal.SIGSTOP)
    try:
        volume.add("slow", "v2", models.slow)
        volume.point("slow", "v2")
        eventually(lambda: len(server.logged("serving")) == 3, "one swaps")
        assert server.metric("modelsidecar_inference_model_info") == 2
    finally:
        os.kill(stopped, signal.SIGCONT)
    eventually(lambda: server.metric("modelsidecar_inference_model_info") == 1, "the other swaps, too")
    assert server.metric("modelsidecar_inference_swaps_total") == 4


def test_answers_are_mixed_no_longer_than_the_slowest_worker_loads(
    volume: Volume, start: StartServer
) -> None:
    server = start("--workers", "2").wait_ready()
    eventually(lambda: len(server.logged("serving")) == 2, "both serve")
    seen: list[str] = []
    volume.add("slow", "v2", models.slow)
    volume.point("slow", "v2")

    def both_swapped() -> bool:
        done = len(server.logged("serving")) == 4
        answer = server.post(PATH, rounds(1))
        assert answer.status == 200
        seen.append(answer.json()["model_version"])
        return done

    eventually(both_swapped, "both swap")
    assert set(seen) <= {"v1", "v2"}
    after = {server.post(PATH, rounds(1)).json()["model_version"] for _ in range(40)}
    assert after == {"v2"}


def test_workers_finish_what_is_in_flight(start: StartServer) -> None:
    server = start("--workers", "2").wait_ready()
    eventually(lambda: len(server.logged("serving")) == 2, "both serve")
    asking = [Asking(server, LONG) for _ in range(4)]
    wait_in_flight(server, 4)
    assert server.stop() == 0
    assert [one.status for one in asking] == [200] * 4


def test_workers_end_with_a_supervisor_that_is_killed(start: StartServer) -> None:
    server = start("--workers", "2").wait_ready()
    pids = worker_pids(server)
    server.stop(signal.SIGKILL)
    eventually(lambda: not any(alive(pid) for pid in pids), "workers end")


def alive(pid: int) -> bool:
    """Tell whether a process runs: one that ended may wait for its parent to look."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


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
