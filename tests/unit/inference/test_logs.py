"""Log lines."""

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inference.log_writer import MAX_WAITING_BYTES
from inference.logs import MAX_FIELD_CHARACTERS, fields, flush, logger, set_up

# Line ends of all kinds, a terminal's escapes, a lone surrogate, a text that reads from right to left.
NASTY = "a\nb\rc\x0bd\x1b[31me\x85f\u2028g\x9b2Jh\udcffi\u202ej\x00"


@pytest.fixture(autouse=True)
def own_handlers() -> Iterator[None]:
    root = logging.getLogger()
    before, level, raises = root.handlers[:], root.level, logging.raiseExceptions
    yield
    root.handlers[:], root.level, logging.raiseExceptions = before, level, raises


def logged(form: str, message: object, *args: object, **values: Any) -> str:
    """Log a record, and return all that is written."""
    stream = io.StringIO()
    set_up(form, "info", stream)
    logger.info(message, *args, extra=fields(**values))
    flush(10)
    return stream.getvalue()


def entry(message: object, *args: object, **values: Any) -> dict[str, Any]:
    text = logged("json", message, *args, **values)
    (line,) = text.splitlines()
    assert text == line + "\n"
    found: dict[str, Any] = json.loads(line)
    line.encode()
    return found


def test_writes_one_json_object_a_line() -> None:
    stream = io.StringIO()
    set_up("auto", "info", stream, worker=2)
    logger.info("serving\nnow", extra=fields(model="digits"))
    logger.debug("not logged")
    flush(10)
    (line,) = stream.getvalue().splitlines()
    found = json.loads(line)
    assert found.pop("time").endswith("Z")
    assert found == {"level": "info", "message": "serving\nnow", "worker": 2, "model": "digits"}


def test_a_traceback_is_a_field_of_its_line() -> None:
    stream = io.StringIO()
    set_up("json", "info", stream)
    try:
        raise ValueError(NASTY)
    except ValueError:
        logger.exception("failed")
    flush(10)
    (line,) = stream.getvalue().splitlines()
    assert "ValueError: a\nb" in json.loads(line)["exception"]


def test_writes_text_for_people() -> None:
    text = logged("text", "refused", model="digits", reason="two words", none="", path='a="b')
    assert text.endswith(r' info    refused model=digits reason="two words" none="" path="a=\"b"' + "\n")


def test_a_record_is_one_line_whatever_its_values_hold() -> None:
    found = entry(NASTY, path=NASTY, file=Path(NASTY), names=[NASTY], data=b"\n\xff")
    shown = NASTY.replace("\udcff", "\\udcff")
    assert (found["message"], found["path"], found["file"]) == (shown, shown, shown)
    assert len(logged("text", NASTY, path=NASTY, file=Path(NASTY)).splitlines()) == 1
    assert logged("text", "x", path=NASTY).rstrip("\n").isprintable()


def test_a_traceback_in_text_cannot_be_taken_for_another_record() -> None:
    stream = io.StringIO()
    set_up("text", "info", stream)
    try:
        raise ValueError("\n08:30:00 info    forged")
    except ValueError:
        logger.exception("failed")
    flush(10)
    first, *rest = stream.getvalue().split("\n")[:-1]
    assert first.endswith(" error   failed")
    assert rest[-1] == "    08:30:00 info    forged"
    assert all(line.startswith("    ") for line in rest)


@pytest.mark.parametrize(
    ("length", "whole"), [(MAX_FIELD_CHARACTERS, True), (MAX_FIELD_CHARACTERS + 1, False)]
)
def test_a_long_value_is_cut_in_its_middle(length: int, whole: bool) -> None:
    value = "b" + "x" * (length - 2) + "e"
    found = entry(value, path=value, names=["x" * length])
    for text in (found["message"], found["path"]):
        assert (text == value) is whole
        assert text[0] + text[-1] == "be"
        assert len(text) < MAX_FIELD_CHARACTERS + 40
    assert ("[1 characters cut]" in found["path"]) is not whole
    assert len(found["names"]) < MAX_FIELD_CHARACTERS + 40


class Mute:
    """Cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (True, True),
        (1 << 70, str(1 << 70)),
        (float("nan"), None),
        ({"a": [1, "\udcff"]}, "{'a': [1, '\\udcff']}"),
        ((1, 2), [1, 2]),
        (Mute(), "a Mute that has no text"),
        ([Mute()], ["a Mute that has no text"]),
    ],
)
def test_no_value_loses_its_record(value: object, shown: object) -> None:
    assert entry("x", value=value)["value"] == shown
    assert len(logged("text", "x", value=value).splitlines()) == 1


def test_a_message_whose_arguments_do_not_fit_is_logged() -> None:
    assert entry("%d %d", "one")["message"] == "%d %d ('one',)"


def test_is_utf_8_in_any_locale() -> None:
    program = (
        "from inference.logs import *; set_up('json', 'info'); logger.info('Zürich 木'); logging.shutdown()"
    )
    environment = os.environ | {"PYTHONIOENCODING": "latin-1"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, env=environment, timeout=60)
    assert json.loads(done.stderr.decode("utf-8"))["message"] == "Zürich 木"


def test_nobody_waits_for_a_stderr_that_is_not_read_and_what_is_dropped_is_counted() -> None:
    reader, sender = os.pipe()
    with os.fdopen(reader, "rb") as out, os.fdopen(sender, "w") as stream:
        set_up("json", "info", stream)
        number = 2 * MAX_WAITING_BYTES // 1000
        for one in range(number):
            logger.info("x", extra=fields(one=one, filler="x" * 1000))
        kept, dropped = list[int](), 0
        while len(kept) + dropped < number:
            found = json.loads(out.readline())
            if found["message"] == "x":
                kept.append(found["one"])
            else:
                assert found["message"] == "log records dropped"
                dropped += found["records"]
    assert kept == sorted(set(kept))
    assert dropped > 0


def test_a_closed_stderr_is_no_error_and_no_socket_gets_its_number() -> None:
    program = """
import os, socket
from inference.logs import *
set_up("json", "info")
logger.info("nobody reads this")
print(socket.socket().fileno() > 2, os.write(2, b"x"))
logging.shutdown()
"""
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&- 2>&-', "sh", sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, b"True 1\n")


def test_what_nobody_catches_is_one_record_a_piece() -> None:
    program = """
import threading, warnings
from inference.logs import *
set_up("json", "info")
log_uncaught()
class Bad:
    def __del__(self): raise ValueError("in a destructor")
Bad()
def fail(): raise ValueError("in a thread")
thread = threading.Thread(target=fail, name="other"); thread.start(); thread.join()
warnings.warn("old")
raise ValueError("in the program")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    records = [json.loads(line) for line in done.stderr.splitlines()]
    seen = [(record["message"], record.get("exception", "").splitlines()[-1:]) for record in records]
    assert seen[0] == ("exception ignored", ["ValueError: in a destructor"])
    assert seen[1] == ("uncaught exception", ["ValueError: in a thread"])
    assert records[1]["in_thread"] == "other"
    assert "UserWarning: old" in seen[2][0]
    assert seen[3] == ("uncaught exception", ["ValueError: in the program"])
