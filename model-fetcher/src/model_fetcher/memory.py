"""What the C library does with freed memory; another one than glibc does as it likes."""

import ctypes
from contextlib import suppress

# Of <malloc.h>.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8


def keep(bytes_: int) -> None:
    """From now on keep what is freed for the next use, in pieces of up to so many bytes, until `trim`.

    By itself glibc returns the memory of each range to the system, which clears it for the next one. What one
    thread has freed serves the others, too.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, bytes_)
        libc.mallopt(_M_ARENA_MAX, 1)
        # Of all threads that fetch.
        libc.mallopt(_M_TRIM_THRESHOLD, 16 * bytes_)


def trim() -> None:
    """Return what is free to the system, where the C library can: all that `keep` let it keep."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
