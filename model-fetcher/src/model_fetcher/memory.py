"""Giving freed memory back to the system."""

import ctypes


def trim() -> None:
    """Return what is free to the system, where the C library can.

    glibc keeps the memory of ranges that were fetched in the arenas of the threads that fetched them.
    """
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError):
        pass  # another C library
