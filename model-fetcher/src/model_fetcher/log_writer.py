"""Writes log lines in a thread of its own: a stderr that nobody reads holds up no download."""

import logging
import os
import select
import threading
import time
from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue
from typing import TextIO

# Lines that wait for stderr; what is logged beyond is dropped and counted.
MAX_WAITING_BYTES = 1 << 20
# Several processes share a pipe: up to this size, one's write is not mixed with another's (POSIX).
_WRITE_BYTES = select.PIPE_BUF
_FLUSH_SECONDS = 1.0
_ERROR = {"name": "model_fetcher", "levelno": logging.ERROR, "levelname": "ERROR"}
_DROPPED = _ERROR | {"msg": "log records dropped"}
_UNREADABLE = _ERROR | {"msg": "log record without text"}


class Writer(logging.Handler):
    """Formats records in the caller's thread, and writes them in its own: the caller never waits for stderr.

    Drops records while stderr fails or `MAX_WAITING_BYTES` wait, and logs their number once it writes again.
    """

    def __init__(self, write: Callable[[bytes], object]) -> None:
        """Write lines by `write`, which may block, and may raise OSError or ValueError."""
        super().__init__()
        self._write = write
        self._lines: SimpleQueue[bytes] = SimpleQueue()
        # Not the handler's lock: `logging.shutdown` holds that while it flushes.
        self._counts = threading.Lock()
        self._waiting = self._dropped = 0
        threading.Thread(target=self._run, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a record's line; raises nothing."""
        if self._waiting > MAX_WAITING_BYTES:
            with self._counts:
                self._dropped += 1
        else:
            self._queue(record)

    def _queue(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception as error:
            about = {"logger": record.name, "reason": type(error).__name__}
            line = self.format(logging.makeLogRecord(_UNREADABLE | {"fields": about}))
        data = line.encode() + b"\n"
        with self._counts:
            self._waiting += len(data)
        self._lines.put(data)

    def flush(self, seconds: float = _FLUSH_SECONDS) -> None:
        """Wait until all lines are written, for `seconds` at most."""
        deadline = time.monotonic() + seconds
        while self._waiting and time.monotonic() < deadline:
            time.sleep(0.001)

    def _run(self) -> None:
        batch = [self._lines.get()]
        while True:
            try:
                line = self._lines.get_nowait()
            except Empty:
                self._put(batch)
                batch = [self._lines.get()]
                continue
            if sum(map(len, batch)) + len(line) > _WRITE_BYTES:
                self._put(batch)
                batch = []
            batch.append(line)

    def _put(self, batch: list[bytes]) -> None:
        data = b"".join(batch)
        try:
            self._write(data)
            failed = 0
        except (OSError, ValueError):
            failed = len(batch)
        with self._counts:
            self._waiting -= len(data)
            dropped = self._dropped + failed
            self._dropped = dropped if failed else 0
        if dropped and not failed:
            self._queue(logging.makeLogRecord(_DROPPED | {"fields": {"records": dropped}}))


def target(stream: TextIO | None) -> Callable[[bytes], object]:
    """Return what writes bytes to a stream, as UTF-8 in every locale; None has nowhere to write to."""
    if stream is None:
        return len
    try:
        return partial(_write_all, stream.fileno())
    except (OSError, ValueError):  # a stream in memory
        return lambda data: stream.write(data.decode())


def _write_all(file: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        try:
            left = left[os.write(file, left) :]
        except BlockingIOError:  # another process that has this stderr made it non-blocking
            waiting = select.poll()
            waiting.register(file, select.POLLOUT)
            waiting.poll()


def open_standard_files() -> None:
    """Open /dev/null in place of stdin, stdout or stderr where it is closed.

    Else the next socket gets its number, and a store what a library writes to stderr.
    """
    for file in range(3):
        try:
            os.fstat(file)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free: this one
