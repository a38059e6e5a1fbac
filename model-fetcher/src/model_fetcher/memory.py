"""Giving freed memory back to the system."""

import ctypes
from contextlib import suppress


def trim() -> None:
    """Return what is free to the system, where the C library can.

    glibc keeps the memory of ranges that were fetched in the arenas of the threads that fetched them.
    """
    # Another C library has no such function.
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
