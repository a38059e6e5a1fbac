"""Checks in processes of their own: what they may take, and what becomes of those that go wrong."""

import os
import platform
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

import models
from inference.models.check_client import CheckServer
from inference.models.checks import Cancelled, Check, Checks
from inference.models.execution import Execution
from inference.models.verdict import Limits, Task, Verdict
from processes import alive, children, command
from servers import DEADLINE_SECONDS, eventually

MIB = 1 << 20
LIMITS = Limits(DEADLINE_SECONDS, 1024 * MIB)


@pytest.fixture(scope="module")
def server() -> Iterator[CheckServer]:
    """One process for the checks of all tests."""
    server = CheckServer()
    yield server
    server.stop()


@pytest.fixture
def task(tmp_path: Path) -> Callable[..., Task]:
    """Make a bundle by a function of `models`, and the task to check it."""

    def make(model: Callable[[Path], None], limits: Limits = LIMITS) -> Task:
        model(tmp_path / "model.onnx")
        return Task(tmp_path, Execution(1), 10_000, limits)

    return make


def server_pids() -> list[int]:
    """Return the processes that check versions for this one."""
    return [pid for pid in children(os.getpid()) if "check_server" in command(pid)]


def test_accepts_a_sound_version(server: CheckServer, task: Callable[..., Task]) -> None:
    verdict = Check(server, task(models.add)).run()
    assert (verdict.reason, verdict.trouble) == (None, None)


def test_refuses_what_is_no_model(server: CheckServer, task: Callable[..., Task]) -> None:
    verdict = Check(server, task(lambda path: path.write_bytes(b"no model"))).run()
    assert verdict.reason
    assert verdict.reason.startswith("model.onnx: onnxruntime cannot load it")


def test_refuses_a_version_that_never_ends(server: CheckServer, task: Callable[..., Task]) -> None:
    verdict = Check(server, task(models.endless, Limits(0.3, 1024 * MIB))).run()
    assert verdict.reason == "its check did not finish within 0.3 s (--load-timeout)"


@pytest.mark.parametrize("elements", [10**12, 75 * MIB])
def test_refuses_a_version_that_takes_more_memory_than_is_free(
    server: CheckServer, task: Callable[..., Task], elements: int
) -> None:
    verdict = Check(server, task(partial(models.greedy, elements=elements), Limits(60, 200 * MIB))).run()
    assert verdict.reason == (
        "it needs more memory than the 209,715,200 bytes that are free; give the server more, or publish a "
        "smaller model"
    )


def test_accepts_a_version_that_takes_less_memory_than_is_free(
    server: CheckServer, task: Callable[..., Task]
) -> None:
    verdict = Check(server, task(partial(models.greedy, elements=25 * MIB), Limits(60, 200 * MIB))).run()
    assert verdict.reason is None
    assert 95 * MIB < verdict.peak < 140 * MIB


@pytest.mark.parametrize("make", [models.big, models.big_beside])
def test_weights_that_are_mapped_do_not_count_twice(
    server: CheckServer, task: Callable[..., Task], make: Callable[..., None]
) -> None:
    one = task(partial(make, mebibytes=64, seed=1))
    beside = sum(file.stat().st_size for file in one.directory.iterdir() if file.name != "model.onnx")
    needed = 100 * MIB if beside else 170 * MIB
    limited = Task(one.directory, one.execution, one.max_pixels, Limits(60, needed, beside))
    verdict = Check(server, limited).run()
    assert verdict.reason is None
    assert verdict.peak < needed


@pytest.mark.skipif(platform.machine() != "x86_64", reason="other CPUs divide without an exception")
def test_refuses_a_version_that_makes_onnxruntime_crash(
    server: CheckServer, task: Callable[..., Task]
) -> None:
    verdict = Check(server, task(models.crashes)).run()
    assert verdict.reason == "onnxruntime crashed while loading or running it (signal 8)"
    assert Check(server, task(models.add)).run().reason is None


def test_a_check_that_is_killed_is_a_refusal(server: CheckServer, task: Callable[..., Task]) -> None:
    verdicts: list[Verdict] = []
    thread = threading.Thread(
        target=lambda: verdicts.append(Check(server, task(models.endless)).run()), daemon=True
    )
    thread.start()
    (pid,) = eventually(lambda: [one for parent in server_pids() for one in children(parent)], "it runs")
    os.kill(pid, signal.SIGKILL)
    thread.join(DEADLINE_SECONDS)
    assert verdicts[0].reason
    assert verdicts[0].reason.startswith("the system killed its check (signal 9)")


def test_a_check_that_nobody_waits_for_ends(server: CheckServer, task: Callable[..., Task]) -> None:
    done: list[Verdict] = []
    check = Checks(server).start("key", task(models.endless), done.append)
    (pid,) = eventually(lambda: [one for parent in server_pids() for one in children(parent)], "it runs")
    check.cancel()
    eventually(lambda: not alive(pid), "it ends")
    assert Check(server, task(models.add)).run().reason is None
    assert done == []


def test_a_check_that_was_cancelled_does_not_start(server: CheckServer, task: Callable[..., Task]) -> None:
    check = Check(server, task(models.add))
    check.cancel()
    with pytest.raises(Cancelled):
        check.run()


def test_two_checks_run_at_the_same_time(server: CheckServer, task: Callable[..., Task]) -> None:
    endless = task(models.endless)
    checks = [Checks(server).start(str(key), endless, lambda verdict: None) for key in range(2)]
    eventually(lambda: [len(children(parent)) for parent in server_pids()] == [2], "both run")
    for check in checks:
        check.cancel()
    eventually(lambda: [children(parent) for parent in server_pids()] == [[]], "both end")


def test_starts_the_process_again_when_it_was_killed(task: Callable[..., Task]) -> None:
    server = CheckServer()
    add = task(models.add)
    before = set(server_pids())
    assert Check(server, add).run().reason is None
    (pid,) = set(server_pids()) - before
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not alive(pid), "it is gone")
    assert Check(server, add).run().reason is None
    server.stop()


def test_the_process_ends_after_a_while_without_checks(task: Callable[..., Task]) -> None:
    server = CheckServer(idle=0.1)
    add = task(models.add)
    before = set(server_pids())
    assert Check(server, add).run().reason is None
    eventually(lambda: set(server_pids()) <= before, "it is gone, and leaves no zombie")
    assert Check(server, add).run().reason is None
    server.stop()
    refused = Check(server, add).run().reason
    assert refused == (
        "its check cannot be started: the server stops; give the server more processes or memory"
    )


STAND_IN = """
import os, socket, sys, time
control = socket.socket(fileno=0)
while True:
    _, (line,), _, _ = socket.recv_fds(control, 1, 1)
    line = socket.socket(fileno=line)
    line.recv(65536)
    line.sendall(sys.argv[1].encode())
    line.close()
"""


@pytest.mark.parametrize("answer", ["", "nonsense", "{}", '{"status": 0}'])
def test_a_process_that_reports_nonsense_is_a_refusal(
    task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setattr("inference.models.checks.PAUSE_SECONDS", 0.0)
    server = CheckServer([sys.executable, "-c", STAND_IN, answer])
    verdict = Check(server, task(models.add)).run()
    assert verdict.reason == "the process that checks it was killed; give the server more memory"
    server.stop()


def test_a_process_that_cannot_be_started_is_a_refusal(
    task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.models.checks.PAUSE_SECONDS", 0.0)
    verdict = Check(CheckServer(["/no/such/program"]), task(models.add)).run()
    assert verdict.reason
    assert verdict.reason.startswith("its check cannot be started: [Errno 2] No such file")


PARENT = """
import sys
from pathlib import Path
from inference.models.check_client import CheckServer
from inference.models.checks import Check
from inference.models.execution import Execution
from inference.models.verdict import Limits, Task
server = CheckServer()
if sys.argv[2] == "fork":
    server.fork()
Check(server, Task(Path(sys.argv[1]), Execution(1), 1000, Limits(1000, None))).run()
"""


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_checks_end_when_the_server_is_killed(task: Callable[..., Task], start: str) -> None:
    directory = task(models.endless).directory
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(directory), start])
    (check,) = eventually(
        lambda: [one for process in children(parent.pid) for one in children(process)], "the check runs"
    )
    (process,) = children(parent.pid)
    parent.kill()
    parent.wait()
    eventually(lambda: not alive(process) and not alive(check), "all end")


def test_a_check_is_killed_before_the_server_when_memory_runs_out(
    server: CheckServer, task: Callable[..., Task]
) -> None:
    check = Checks(server).start("key", task(models.endless), lambda verdict: None)
    (pid,) = eventually(lambda: [one for parent in server_pids() for one in children(parent)], "it runs")
    assert Path(f"/proc/{pid}/oom_score_adj").read_text().strip() == "1000"
    check.cancel()
