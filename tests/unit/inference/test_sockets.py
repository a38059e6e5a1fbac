"""Listening sockets, and the limit of open files."""

import resource
import socket
import subprocess
import sys

import pytest

from inference.http.sockets import (
    FEWEST_FILES,
    SPARE_FILES,
    open_socket,
    open_sockets,
    refuse_new_connections,
)

LIMITED = """
import resource, sys
from inference.errors import SettingsError
from inference.http.sockets import raise_file_limit
soft, hard, connections = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
try:
    print(raise_file_limit(connections), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
except SettingsError as error:
    sys.exit(str(error))
"""


def limited(soft: int, hard: int, connections: int) -> subprocess.CompletedProcess[str]:
    """Raise the limit in a process that has these limits."""
    numbers = map(str, (soft, hard, connections))
    return subprocess.run(
        [sys.executable, "-c", LIMITED, *numbers], capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "allowed", "raised"),
    [
        (256, 4000, 1000, 1000, 1000 + SPARE_FILES),
        (2000, 4000, 1000, 1000, 2000),
        (256, 1000 + SPARE_FILES, 1000, 1000, 1000 + SPARE_FILES),
        (256, 999 + SPARE_FILES, 1000, 999, 999 + SPARE_FILES),
        (64, FEWEST_FILES, 1000, FEWEST_FILES - SPARE_FILES, FEWEST_FILES),
        (64, 10 + SPARE_FILES, 10, 10, 10 + SPARE_FILES),
    ],
)
def test_the_soft_limit_is_raised_as_far_as_it_may_be(
    soft: int, hard: int, connections: int, allowed: int, raised: int
) -> None:
    done = limited(soft, hard, connections)
    assert done.stdout == f"{allowed} {raised}\n", done.stderr


@pytest.mark.parametrize(
    ("hard", "connections", "needed"), [(FEWEST_FILES - 1, 1000, FEWEST_FILES), (9 + SPARE_FILES, 10, 138)]
)
def test_a_hard_limit_too_small_to_work_with_is_an_error_with_the_cure(
    hard: int, connections: int, needed: int
) -> None:
    done = limited(64, hard, connections)
    wanted = connections + SPARE_FILES
    assert done.returncode == 1
    assert f"is {hard}, and this server needs {needed} at least, {wanted} for all" in done.stderr
    assert f"ulimit -Hn {wanted}" in done.stderr


def test_no_limit_at_all_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from inference.http import sockets

    unlimited = resource.RLIM_INFINITY
    monkeypatch.setattr(resource, "getrlimit", lambda _: (unlimited, unlimited))
    assert sockets.raise_file_limit(10**6) == 10**6


@pytest.mark.parametrize("host", ["127.0.0.1", "auto"])
def test_what_waits_is_accepted_and_nothing_new_once_connections_are_refused(host: str) -> None:
    with open_socket(host, 0) as listening:
        port = listening.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), timeout=60) as waits:
            waits.sendall(b"request")
            assert refuse_new_connections(listening)
            with socket.socket() as late:
                late.settimeout(0.2)
                with pytest.raises(TimeoutError):
                    late.connect(("127.0.0.1", port))
            accepted, _ = listening.accept()
            with accepted:
                assert accepted.recv(7) == b"request"
                accepted.sendall(b"response")
                assert waits.recv(8) == b"response"
            listening.setblocking(False)
            with pytest.raises(BlockingIOError):
                listening.accept()


def test_connections_are_refused_for_each_socket_of_a_shared_port() -> None:
    sockets = open_sockets("127.0.0.1", 0, 3)
    port = sockets[0].getsockname()[1]
    for one in sockets:
        refuse_new_connections(one)
        one.setblocking(False)
    for _ in range(10):
        with socket.socket() as late:
            late.settimeout(0.02)
            with pytest.raises(TimeoutError):
                late.connect(("127.0.0.1", port))
    for one in sockets:
        with pytest.raises(BlockingIOError):
            one.accept()
        one.close()
