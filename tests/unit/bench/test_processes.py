"""What is measured is watched, and none of it is left behind."""

import sys
from pathlib import Path

import pytest

from bench import setup
from bench.processes import Command, running, until
from bench.store import run
from servers import eventually


def test_a_server_that_ends_by_itself_is_unavailable_with_its_last_words(tmp_path: Path) -> None:
    command = Command((sys.executable, "-c", "raise SystemExit('no such device')"), {})
    with (
        running(command, tmp_path / "log") as process,
        pytest.raises(setup.Unavailable, match="exit code 1: … no such device"),
    ):
        until("it answers", lambda: False, process)


def test_what_waits_in_vain_says_for_what(tmp_path: Path) -> None:
    command = Command((sys.executable, "-c", "import time; time.sleep(60)"), {})
    with (
        running(command, tmp_path / "log") as process,
        pytest.raises(setup.Unavailable, match="in vain until it answers"),
    ):
        until("it answers", lambda: False, process, seconds=0)


def test_a_program_and_all_below_it_are_ended(tmp_path: Path) -> None:
    command = Command(("sh", "-c", "sleep 61 & sleep 60"), setup.environment({}))
    with running(command, tmp_path / "log") as process:
        until("it has children", lambda: len(process.family()) == 3, process)
        family = process.family()
        assert process.memory() > 0
    eventually(lambda: not any(_runs(pid) for pid in family), "all have ended")


def test_a_command_that_fails_or_takes_too_long_says_which() -> None:
    fails = Command(("sh", "-c", "echo no such blob >&2; exit 3"), setup.environment({}))
    with pytest.raises(setup.Unavailable, match="sh ended with exit code 3: … no such blob"):
        run(fails, 60)
    with pytest.raises(setup.Unavailable, match=r"sleep took more than 0\.1 s"):
        run(Command(("sleep", "60"), setup.environment({})), 0.1)


def _runs(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()
