"""What becomes of freed memory."""

import ctypes
import subprocess
import sys

import pytest

PIECE = 8 << 20
# Pieces that come in parts and go, as those of a fetch do; prints how often the system had to bring a page.
SCRIPT = """
import resource
from model_fetcher import memory
{first}
for _ in range(50):
    b"".join([b"x" * ({piece} // 32) for _ in range(32)])
memory.trim()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
with open("/proc/self/statm") as file:
    print(int(file.read().split()[1]) * resource.getpagesize())
"""

pytestmark = pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs glibc")


def run(first: str) -> tuple[int, int]:
    code = SCRIPT.format(first=first, piece=PIECE)
    done = subprocess.run([sys.executable, "-c", code], check=True, text=True, capture_output=True)
    faults, resident = map(int, done.stdout.split())
    return faults, resident


def test_what_is_kept_need_not_be_brought_again_and_can_be_given_back() -> None:
    (without, _), (faults, resident) = run(""), run(f"memory.keep(2 * {PIECE})")
    assert faults < without / 2
    assert resident < 4 * PIECE
