"""One JSON object a line, and no secrets."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from model_fetcher.logs import JsonFormatter, TextFormatter, set_up
from model_fetcher.settings import Settings
from model_fetcher.sources import open_source, parse_source


def record(message: str, *args: object, **extra: object) -> logging.LogRecord:
    return logging.getLogger("test").makeRecord(
        "test", logging.WARNING, "file", 1, message, args, None, extra=extra
    )


@pytest.fixture
def restored() -> Iterator[None]:
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield
    logger.handlers[:] = handlers
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
    assert "ValueError: why" in json.loads(line)["traceback"]
    assert TextFormatter().format(entry).endswith("ValueError: why")


def test_text_is_for_people() -> None:
    assert TextFormatter().format(record("fetched", bytes=3)).endswith(" warning fetched bytes=3")


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
