"""One JSON object a line, and no secrets."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from model_fetcher.log_writer import MAX_WAITING_BYTES, Writer
from model_fetcher.logs import MAX_FIELD_CHARACTERS, JsonFormatter, TextFormatter, flush, set_up
from model_fetcher.settings import Settings
from model_fetcher.sources import open_source, parse_source

# Line ends of all kinds, a terminal's escapes, a lone surrogate, a text that reads from right to left.
NASTY = "a\nb\rc\x0bd\x1b[31me\x85f\u2028g\x9b2Jh\udcffi\u202ej\x00"


def record(message: str, *args: object, **extra: object) -> logging.LogRecord:
    return logging.getLogger("test").makeRecord(
        "test", logging.WARNING, "file", 1, message, args, None, extra=extra
    )


@pytest.fixture
def restored() -> Iterator[None]:
    logger = logging.getLogger()
    handlers, level, raises = logger.handlers[:], logger.level, logging.raiseExceptions
    yield
    logger.handlers[:], logging.raiseExceptions = handlers, raises
    logger.setLevel(level)


def test_a_line_is_one_json_object_with_the_fields_of_the_caller() -> None:
    line = JsonFormatter().format(record("two\nlines %d", 7, version="v1", path=Path("/x"), none=None))
    assert "\n" not in line
    document = json.loads(line)
    assert document.pop("time").endswith("Z")
    assert document == {
        "level": "warning",
        "message": "two\nlines 7",
        "version": "v1",
        "path": "/x",
        "none": None,
    }


def test_a_traceback_is_in_the_line() -> None:
    entry = record("failed")
    try:
        raise ValueError("why")
    except ValueError:
        entry.exc_info = sys.exc_info()
    line = JsonFormatter().format(entry)
    assert "\n" not in line
    assert "ValueError: why" in json.loads(line)["exception"]
    first, *rest = TextFormatter().format(entry).split("\n")
    assert first.endswith(" warning failed")
    assert rest[-1] == "    ValueError: why"


def test_text_is_for_people() -> None:
    assert TextFormatter().format(record("fetched", bytes=3)).endswith(" warning fetched bytes=3")


def test_a_record_is_one_line_whatever_its_values_hold() -> None:
    entry = record(NASTY, path=NASTY, file=Path(NASTY), names=[NASTY], data=b"\n\xff")
    line = JsonFormatter().format(entry)
    assert line.isascii()
    assert line.isprintable()
    document = json.loads(line)
    shown = NASTY.replace("\udcff", "\\udcff")
    assert [document[key] for key in ("message", "path", "file")] == [shown] * 3
    assert TextFormatter().format(entry).isprintable()


@pytest.mark.parametrize(("over", "whole"), [(0, True), (1, False)])
def test_a_long_value_is_cut_in_its_middle(over: int, whole: bool) -> None:
    value = "b" + "x" * (MAX_FIELD_CHARACTERS + over - 2) + "e"
    document = json.loads(JsonFormatter().format(record(value, path=value)))
    for text in (document["message"], document["path"]):
        assert (text == value) is whole
        assert text[0] + text[-1] == "be"
        assert len(text) < MAX_FIELD_CHARACTERS + 40


class Mute:
    """Cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, True),
        (1 << 70, 1 << 70),
        (float("nan"), "nan"),
        ({"a": [1, "\udcff"]}, "{'a': [1, '\\udcff']}"),
        ({"a": "😀"}, {"a": "😀"}),
        ({(1, 2): 3}, "{(1, 2): 3}"),
        (Mute(), "a Mute that has no text"),
    ],
)
def test_no_value_loses_its_record(value: object, shown: object) -> None:
    assert json.loads(JsonFormatter().format(record("x", value=value)))["value"] == shown
    assert TextFormatter().format(record("x", value=value)).isprintable()


def test_a_message_whose_arguments_do_not_fit_is_logged() -> None:
    assert json.loads(JsonFormatter().format(record("%d %d", "one")))["message"] == "%d %d ('one',)"


def test_nobody_waits_for_a_stderr_that_is_not_read() -> None:
    program = """
import logging, sys
from model_fetcher.logs import *
set_up("info", "json")
for _ in range(3000): log.info("x" * 1000)
print("done", flush=True)
logging.shutdown()
import os; os._exit(0)
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"done\n"
        # Its last lines get a second at most.
        assert process.wait(60) == 0


def test_lines_beyond_the_limit_are_dropped_and_counted() -> None:
    written, go = list[bytes](), Event()

    def write(data: bytes) -> None:
        go.wait(60)
        written.append(data)

    writer, line = Writer(write), "x" * ((1 << 16) - 1)
    number = MAX_WAITING_BYTES // (1 << 16) + 1
    for message in [*[line] * number, "one too many"]:
        writer.emit(logging.makeLogRecord({"msg": message}))
    go.set()
    writer.flush(60)
    assert b"".join(written) == (line.encode() + b"\n") * number + b"log records dropped\n"


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize(("form", "is_json"), [("json", True), ("text", False), ("auto", True)])
def test_the_format_is_what_was_asked_for(form: str, is_json: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    said = io.StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    set_up("info", form)
    logging.getLogger("model_fetcher.x").info("hello")
    logging.getLogger("model_fetcher.x").debug("quiet")
    logging.getLogger("azure.core").info("every request")
    logging.getLogger("urllib3.connectionpool").warning("/container?sig=secret")
    flush(10)
    (line,) = said.getvalue().splitlines()
    assert line.startswith("{") is is_json


@pytest.mark.parametrize(
    "env",
    [
        {"AZURE_STORAGE_KEY": "U0VDUkVU"},
        {"AZURE_STORAGE_SAS_TOKEN": "sv=1&sig=U0VDUkVU"},
        {"AZURE_STORAGE_CONNECTION_STRING": "AccountName=acct;AccountKey=U0VDUkVU"},
    ],
)
def test_the_way_of_signing_in_is_told_and_the_secret_is_not(
    env: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    address = parse_source("az://acct/models/digits")
    open_source(address, env).close()
    lines = [JsonFormatter().format(entry) for entry in caplog.records]
    lines.append(json.dumps(Settings((address,), Path("/models")).to_log(), default=str))
    assert any('"auth": "' in line for line in lines)
    assert not any("U0VDUkVU" in line for line in lines)
