"""Signals, in a process of their own."""

import json
import signal
import subprocess
import sys
from typing import Any

import pytest

# The right code takes about a second; only a hang takes this long.
HANG_SECONDS = 120
PREAMBLE = """
import os, signal, sys, threading
from inference import logs
from inference.process.signals import Stop
logs.set_up("json", "error" if "--quiet" in sys.argv else "info")
def send(number): os.kill(os.getpid(), number)
"""


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PREAMBLE + program, *arguments],
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
    )


def records(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_a_signal_at_any_line_of_a_wait_ends_the_wait() -> None:
    """A handler that sets an event hangs here: the wait that it interrupts holds the lock of the event."""
    done = run("""
def wait_with_a_signal_at(nth):
    stop, seen = Stop(), 0
    def trace(frame, event, arg):
        nonlocal seen
        if event == "line" and frame.f_code.co_filename == threading.__file__:
            seen += 1
            if seen == nth:
                send(signal.SIGTERM)
        return trace
    sys.settrace(trace)
    while not stop.wait(0.001):
        pass
    sys.settrace(None)
    stop.close()
for nth in range(1, 101):
    wait_with_a_signal_at(nth)
print("ended")
""")
    assert (done.returncode, done.stdout) == (0, "ended\n"), done.stderr


def test_a_signal_ends_a_wait_without_time_out() -> None:
    done = run("""
for _ in range(200):
    stop = Stop()
    threading.Thread(target=send, args=(signal.SIGTERM,)).start()
    assert stop.wait()
    stop.close()
""")
    assert done.returncode == 0, done.stderr


def test_a_wait_without_signal_is_over_after_its_time() -> None:
    done = run("stop = Stop(); assert not stop.wait(0.01); assert not stop.is_set()")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_a_process_that_is_stuck_with_128_and_its_number(second: int) -> None:
    done = run(f"""
stop = Stop(at_once=lambda: print("at once", flush=True))
send(signal.SIGTERM)
stop.wait()
send({int(second)})
stuck = threading.Lock()
stuck.acquire()
stuck.acquire()
""")
    assert (done.returncode, done.stdout) == (128 + second, "at once\n")


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2])
def test_a_signal_that_asks_for_nothing_is_logged_and_ignored(number: int) -> None:
    done = run(f"""
stop = Stop()
send({int(number)})
assert not stop.wait(0.2)
send(signal.SIGTERM)
assert stop.wait()
logs.flush(10)
""")
    assert done.returncode == 0, done.stderr
    (record,) = records(done)
    assert (record["message"], record["signal"]) == ("signal ignored", signal.Signals(number).name)


def test_sigquit_logs_where_each_thread_is_at_any_level_and_goes_on() -> None:
    done = run(
        """
forwarded = []
def idle(): threading.Event().wait()
threading.Thread(target=idle, name="other", daemon=True).start()
stop = Stop(forward=forwarded.append)
send(signal.SIGQUIT)
while not stop.wait(0.01):
    if forwarded == [signal.SIGQUIT]:
        forwarded.clear()
        send(signal.SIGTERM)
logs.flush(10)
""",
        "--quiet",
    )
    assert done.returncode == 0, done.stderr
    stacks = {record["in_thread"]: record["stack"] for record in records(done)}
    assert "in idle" in stacks["other"]
    assert {"MainThread", "signals", "log"} <= set(stacks)


def test_a_program_that_is_started_gets_the_default_handlers() -> None:
    done = run("""
import subprocess
stop = Stop()
child = subprocess.Popen([sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGUSR1)"])
print(child.wait(), stop.is_set())
""")
    assert done.stdout == f"{-signal.SIGUSR1} False\n"
