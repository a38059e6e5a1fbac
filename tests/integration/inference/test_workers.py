"""Several workers on one pair of ports."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

import models
from servers import DEADLINE_SECONDS, Server, eventually, serve_command
from slow import LONG, PATH, Asking, rounds, wait_in_flight
from volumes import Volume

from .conftest import StartServer


def pause(pid: int) -> None:
    """Stop a process, and wait until all of its threads are stopped: none is at once."""
    os.kill(pid, signal.SIGSTOP)

    def stopped() -> bool:
        stats = [file.read_text() for file in Path(f"/proc/{pid}/task").glob("*/stat")]
        return {stat.rpartition(")")[2].split()[0] for stat in stats} == {"T"}

    eventually(stopped, "stopped")


@pytest.fixture(autouse=True)
def slow_model(volume: Volume) -> None:
    """Every server here has a model that takes as long as a request says."""
    volume.add("slow", "v1", models.slow)
    volume.point("slow", "v1")


def worker_pids(server: Server) -> list[int]:
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    return [int(pid) for pid in children.split()]


def test_workers_share_the_ports_and_one_that_dies_is_replaced(start: StartServer) -> None:
    server = start("--workers", "2").wait_ready()
    first = worker_pids(server)
    assert len(first) == 2
    for _ in range(20):
        assert server.post(PATH, rounds(1)).status == 200
    # A worker tells the others a second later at most; what it told outlives it.
    eventually(lambda: server.metric("modelsidecar_inference_requests_total") >= 20, "all counted")
    os.kill(first[0], signal.SIGKILL)
    eventually(lambda: server.logged("a worker ended; starting it again"), "noticed")
    eventually(lambda: len(server.logged("listening")) == 3, "replaced")
    assert set(worker_pids(server)) & set(first) == {first[1]}
    for _ in range(20):
        assert server.post(PATH, rounds(1)).status == 200
    eventually(lambda: server.metric("modelsidecar_inference_requests_total") >= 40, "metrics of all workers")
    assert server.stop() == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in first)


@contextmanager
def one_lags(volume: Volume, start: StartServer) -> Iterator[tuple[Server, int]]:
    """Two workers, one of which has its first model while the other, whose pid this gives, is stopped."""
    server = start("--workers", "2", "--model", "late")
    eventually(lambda: len(server.logged("listening")) == 2, "both listen")
    lagging = worker_pids(server)[0]
    pause(lagging)
    try:
        volume.add("late", "v1", models.slow)
        volume.point("late", "v1")
        eventually(lambda: server.logged("serving"), "one serves")
        yield server, lagging
    finally:
        with suppress(ProcessLookupError):
            os.kill(lagging, signal.SIGCONT)


def test_none_is_ready_before_all_have_loaded_once(volume: Volume, start: StartServer) -> None:
    with one_lags(volume, start) as (server, _):
        for answer in (server.admin("/readyz"), server.get("/v2/health/ready")):
            assert (answer.status, answer.error) == (503, "loading in another worker")
        assert server.metric("modelsidecar_inference_ready") == 0
    server.wait_ready()
    late = PATH.replace("slow", "late")
    assert {server.post(late, rounds(1)).status for _ in range(20)} == {200}


def test_none_waits_for_a_worker_that_died_before_it_was_ready(volume: Volume, start: StartServer) -> None:
    with one_lags(volume, start) as (server, lagging):
        os.kill(lagging, signal.SIGKILL)
        server.wait_ready()


def test_connections_are_spread_over_the_workers(start: StartServer) -> None:
    server = start("--workers", "2", "--access-log", "on").wait_ready()
    for _ in range(40):
        server.get("/version")
    eventually(lambda: len(server.logged("answered")) == 40, "all are logged")
    # All by one would be as likely as a coin that falls to one side forty times.
    assert {line["worker"] for line in server.logged("answered")} == {1, 2}


def test_what_waits_for_a_worker_that_does_not_answer_is_taken_by_another(start: StartServer) -> None:
    server = start("--workers", "2").wait_ready()
    eventually(lambda: len(server.logged("listening")) == 2, "both listen")
    stopped = worker_pids(server)[0]
    pause(stopped)
    try:
        # The system gives half of them to the one that is stopped.
        assert {server.post(PATH, rounds(1)).status for _ in range(20)} == {200}
    finally:
        os.kill(stopped, signal.SIGCONT)


def test_a_port_that_other_workers_share_is_taken(volume: Volume, start: StartServer) -> None:
    server = start("--workers", "2").wait_ready()
    command = [*serve_command(volume.root), "--host", "127.0.0.1", "--port", str(server.port)]
    done = subprocess.run(
        [*command, "--workers", "2", "--admin-port", "0"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "cannot listen: choose another --port or --host" in done.stderr


def test_all_workers_swap(volume: Volume, start: StartServer) -> None:
    server = start("--workers", "2").wait_ready()
    volume.add("slow", "v2", models.slow)
    volume.point("slow", "v2")
    eventually(lambda: [line["version"] for line in server.logged("serving")].count("v2") == 2, "both swap")
    assert {line["worker"] for line in server.logged("serving")} == {1, 2}
    assert server.post(PATH, rounds(1)).json()["model_version"] == "v2"


def test_metrics_tell_what_all_workers_serve(volume: Volume, start: StartServer) -> None:
    server = start("--workers", "2").wait_ready()
    stopped = worker_pids(server)[0]
    pause(stopped)
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
    asking = [Asking(server, LONG) for _ in range(4)]
    wait_in_flight(server, 4)
    assert server.stop() == 0
    assert [one.status for one in asking] == [200] * 4


def test_sigquit_shows_where_the_threads_of_all_workers_are(start: StartServer) -> None:
    server = start("--workers", "2").wait_ready()
    server.process.send_signal(signal.SIGQUIT)
    eventually(
        lambda: {line.get("worker") for line in server.logged("thread")} == {None, 1, 2}, "stacks of all"
    )
    assert server.stop() == 0


def test_a_worker_that_dies_while_it_ends_is_told_by_the_exit_code(start: StartServer) -> None:
    server = start("--workers", "2", "--drain-wait", "1h").wait_ready()
    server.process.send_signal(signal.SIGTERM)
    eventually(lambda: len(server.logged("stopping")) == 2, "both end")
    for pid in worker_pids(server):
        os.kill(pid, signal.SIGKILL)
    assert server.process.wait(DEADLINE_SECONDS) == 1


def test_workers_that_get_sigterm_while_they_start_end_in_order(volume: Volume, tmp_path: Path) -> None:
    command = [*serve_command(volume.root), "--workers", "2", "--host", "127.0.0.1"]
    for _ in range(5):
        with subprocess.Popen(
            [*command, "--port", "0", "--admin-port", "0", "--drain-wait", "0"], stderr=subprocess.PIPE
        ) as process:
            assert process.stderr is not None
            process.stderr.readline()  # the first record: the supervisor handles signals soon
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            eventually(lambda: len(children.read_text().split()) == 2, "both start")  # noqa: B023
            process.terminate()
            assert process.wait(DEADLINE_SECONDS) == 0


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
