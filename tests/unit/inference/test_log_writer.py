"""The thread that writes log lines."""

import logging
import os
import threading

from inference.log_writer import MAX_WAITING_BYTES, Writer, target


def test_lines_are_kept_up_to_the_limit_and_dropped_beyond() -> None:
    go, written = threading.Event(), list[bytes]()

    def write(data: bytes) -> None:
        go.wait(60)
        written.append(data)

    writer = Writer(write)
    writer.setFormatter(logging.Formatter("%(message)s"))
    line = "x" * ((1 << 16) - 1)
    for _ in range(MAX_WAITING_BYTES // (1 << 16) + 1):
        writer.emit(logging.makeLogRecord({"msg": line}))
    writer.emit(logging.makeLogRecord({"msg": "one too many"}))
    go.set()
    writer.flush(60)
    assert b"".join(written).split() == [line.encode()] * (MAX_WAITING_BYTES // (1 << 16) + 1) + [
        b"log", b"records", b"dropped",
    ]  # fmt: skip


def test_a_stderr_that_fails_is_tried_again() -> None:
    written: list[bytes] = []

    def write(data: bytes) -> None:
        written.append(data)
        if len(written) == 1:
            raise OSError("no space left")

    writer = Writer(write)
    writer.setFormatter(logging.Formatter("%(message)s"))
    for message in ("lost", "kept"):
        writer.emit(logging.makeLogRecord({"msg": message}))
        writer.flush(10)
    assert written == [b"lost\n", b"kept\n", b"log records dropped\n"]


def test_a_stderr_that_does_not_block_gets_every_line() -> None:
    reader, sender = os.pipe()
    os.set_blocking(sender, False)
    with os.fdopen(reader, "rb") as out, os.fdopen(sender, "w") as stream:
        done = threading.Thread(target=target(stream), args=(b"x" * (1 << 20),))
        done.start()
        assert out.read(1 << 20) == b"x" * (1 << 20)
        done.join(60)
        assert not done.is_alive()
