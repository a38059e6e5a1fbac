"""What this process takes of memory, and giving back what is free."""

import ctypes
import os
import threading
from collections.abc import Callable
from types import TracebackType

from inference.machine.process import anonymous_of

# Of <malloc.h>.
_M_ARENA_MAX = -8
_SAMPLE_SECONDS = 0.01


def _find(name: str, *arguments: type) -> Callable[..., int] | None:
    try:
        function = getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError):
        return None
    function.argtypes, function.restype = arguments, ctypes.c_int
    return lambda *values: int(function(*values))


_malloc_trim = _find("malloc_trim", ctypes.c_size_t)
_mallopt = _find("mallopt", ctypes.c_int, ctypes.c_int)


def trim() -> None:
    """Return what is free to the system, where the C library can.

    glibc keeps the memory of a dropped model in the arenas of the thread that loaded it: four swaps of a
    640 MiB model grew a process from 1.1 to 4 GiB without this, and it stayed flat with it.
    """
    if _malloc_trim:
        _malloc_trim(0)


def one_arena() -> bool:
    """Let all threads from now on share one arena of glibc; tell whether that could be done.

    Each thread has its own otherwise, with what its largest request once took. MALLOC_ARENA_MAX, if set, is
    obeyed instead.
    """
    return "MALLOC_ARENA_MAX" not in os.environ and _mallopt is not None and _mallopt(_M_ARENA_MAX, 1) == 1


def anonymous() -> int:
    """Return the bytes in RAM that are not backed by a file; 0 where the system does not tell."""
    return anonymous_of(os.getpid())


class Growth:
    """A block that measures by how many bytes `anonymous` grows in it at most; `peak` says it afterwards."""

    def __init__(self) -> None:
        self.peak = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "Growth":
        self._start = anonymous()
        self._thread.start()
        return self

    def _sample(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            self._look()

    def _look(self) -> None:
        self.peak = max(self.peak, anonymous() - self._start)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._look()
