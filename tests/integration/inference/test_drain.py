"""No connection that the system has accepted is lost when a server ends, or a part of it."""

import os
import signal
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import pytest

import models
from servers import DEADLINE_SECONDS, Server, eventually, post_bytes
from slow import PATH, rounds
from volumes import Volume

from .conftest import StartServer
from .test_workers import pause, worker_pids

REQUEST = post_bytes(PATH, rounds(1)).replace(b"Host: x", b"Host: x\r\nConnection: close")
CLIENTS = 8


@pytest.fixture(autouse=True)
def slow_model(volume: Volume) -> None:
    """Every server here has a model that takes as long as a request says."""
    volume.add("slow", "v1", models.slow)
    volume.point("slow", "v1")


def start_workers(start: StartServer, number: int) -> Server:
    server = start("--workers", str(number)).wait_ready()
    eventually(lambda: len(server.logged("listening")) == number, "all listen")
    return server


class Clients:
    """Threads that send requests, each on a connection of its own, until the port is closed or `end`."""

    def __init__(self, server: Server) -> None:
        """Start them."""
        self.outcomes: Counter[str] = Counter()
        self._server, self._ended = server, threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Wait until all have ended."""
        self._ended.set()
        for thread in self._threads:
            thread.join(DEADLINE_SECONDS)

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                connection = socket.create_connection(("127.0.0.1", self._server.port), DEADLINE_SECONDS)
            except OSError:  # it was never accepted: a client can go elsewhere
                return
            with closing(connection):
                self.outcomes[response(connection)] += 1


def response(connection: socket.socket) -> str:
    """Send the request; return the status of its response, or how it is lost."""
    data = b""
    try:
        connection.sendall(REQUEST)
        while part := connection.recv(1 << 16):
            data += part
    except OSError as error:
        return type(error).__name__
    return data[9:12].decode() if b"model_name" in data else "no response"


@pytest.mark.parametrize("workers", [1, 3])
def test_sigterm_under_load_loses_no_connection(start: StartServer, workers: int) -> None:
    server = start_workers(start, workers)
    clients = Clients(server)
    eventually(lambda: clients.outcomes["200"] > 500, "load")
    assert server.stop() == 0
    clients.end()
    assert set(clients.outcomes) == {"200"}, clients.outcomes


@contextmanager
def waiting_requests(server: Server, pids: list[int]) -> Iterator[list[socket.socket]]:
    """Requests that wait in the queues of workers, which are stopped until the end of the block."""
    for pid in pids:
        pause(pid)
    connections = []
    try:
        for _ in range(20):
            connection = socket.create_connection(("127.0.0.1", server.port), DEADLINE_SECONDS)
            connection.sendall(REQUEST)
            connections.append(connection)
        yield connections
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        for connection in connections:
            connection.close()


def statuses(connections: list[socket.socket]) -> set[bytes]:
    return {connection.makefile("rb").readline() for connection in connections}


def test_the_first_worker_that_ends_answers_what_waits_for_all(start: StartServer) -> None:
    server = start_workers(start, 3)
    pids = worker_pids(server)
    with waiting_requests(server, pids) as connections:
        server.process.send_signal(signal.SIGTERM)
        os.kill(pids[0], signal.SIGCONT)
        assert statuses(connections) == {b"HTTP/1.1 200 OK\r\n"}
    assert server.process.wait(DEADLINE_SECONDS) == 0


def test_what_waits_for_a_worker_that_is_killed_is_answered_by_another(start: StartServer) -> None:
    server = start_workers(start, 2)
    pids = worker_pids(server)
    with waiting_requests(server, pids) as connections:
        os.kill(pids[0], signal.SIGKILL)
        os.kill(pids[1], signal.SIGCONT)
        assert statuses(connections) == {b"HTTP/1.1 200 OK\r\n"}


def test_a_worker_that_is_killed_under_load_loses_only_what_it_was_answering(start: StartServer) -> None:
    server = start_workers(start, 2)
    clients = Clients(server)
    eventually(lambda: clients.outcomes["200"] > 200, "load")
    os.kill(worker_pids(server)[0], signal.SIGKILL)
    eventually(lambda: server.logged("a worker ended; starting it again"), "noticed")
    before = clients.outcomes["200"]
    eventually(lambda: clients.outcomes["200"] > before + 200, "load goes on")
    clients.end()
    assert clients.outcomes.total() - clients.outcomes["200"] <= CLIENTS, clients.outcomes


def test_a_connection_that_has_not_sent_its_request_yet_is_waited_for(start: StartServer) -> None:
    server = start().wait_ready()
    with socket.create_connection(("127.0.0.1", server.port), DEADLINE_SECONDS) as connection:
        eventually(lambda: server.get("/").status == 200, "accepted before this")
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: server.logged("stopping"), "stopping")
        assert response(connection) == "200"
    assert server.process.wait(DEADLINE_SECONDS) == 0
