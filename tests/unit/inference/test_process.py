"""What the kernel does with a process."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from inference.machine import process

MIB = 1 << 20


def run(program: str) -> "subprocess.CompletedProcess[str]":
    """Run a program in a process of its own, with `process` imported."""
    command = [sys.executable, "-c", f"from inference.machine import process\n{program}"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(("mebibytes", "fits"), [(90, True), (110, False)])
def test_limits_the_memory_of_a_process(mebibytes: int, fits: bool) -> None:
    result = run(f"process.limit_data(100 << 20)\nbytearray({mebibytes} << 20)")
    assert (result.returncode == 0) is fits
    assert ("MemoryError" in result.stderr) is not fits


def test_a_limit_that_is_set_already_stays() -> None:
    result = run(
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (300 << 20, 300 << 20))\n"
        "process.limit_data(1 << 40)\n"
        "print(resource.getrlimit(resource.RLIMIT_DATA))"
    )
    assert result.stdout.strip() == str((300 * MIB, 300 * MIB))


def test_a_process_can_ask_to_be_killed_first_and_leaves_no_core() -> None:
    result = run(
        "import resource\nprocess.be_killed_first()\nprocess.write_no_core()\n"
        "print(open('/proc/self/oom_score_adj').read(), resource.getrlimit(resource.RLIMIT_CORE))"
    )
    assert result.stdout.split() == ["1000", "(0,", "0)"]


def test_a_process_can_end_with_its_parent() -> None:
    result = run(
        "import os, time\n"
        "read, write = os.pipe()\n"
        "if not os.fork():\n"
        "    if not os.fork():\n"
        "        process.die_with_parent()\n"
        "        os.write(write, b'x')\n"
        "        time.sleep(60)\n"
        "    os.read(read, 1)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "os.close(write)\n"
        "print(os.read(read, 1))"
    )
    assert result.stdout.strip() == "b''"


def test_knows_the_memory_of_a_process() -> None:
    assert process.anonymous_of(os.getpid()) > MIB
    assert process.anonymous_of(2**22 + 1) == 0


def test_knows_the_most_memory_that_it_had() -> None:
    result = run(
        "import os\nbefore = process.anonymous_of(os.getpid())\n"
        "gone = b'x' * (100 << 20)\ndel gone\n"
        "print(process.peak_anonymous() - before >> 20, process.anonymous_of(os.getpid()) - before >> 20)"
    )
    peak, now = map(int, result.stdout.split())
    assert 99 <= peak < 110
    assert now < 10


def test_knows_what_the_machine_has_left(tmp_path: Path) -> None:
    found = process.available()
    assert found is not None
    assert MIB < found < os.sysconf("SC_PHYS_PAGES") * resource.getpagesize()
    (tmp_path / "meminfo").write_text("MemTotal: 10 kB\nMemAvailable:       7 kB\n")
    assert process.available(tmp_path / "meminfo") == 7 << 10


@pytest.mark.parametrize("text", [None, "", "MemTotal: 10 kB\n", "MemAvailable: many\n", "nonsense"])
def test_knows_nothing_where_the_system_does_not_report(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "meminfo").write_text(text)
    assert process.available(tmp_path / "meminfo") is None
