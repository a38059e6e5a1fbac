"""Log lines."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from inference.logs import fields, logger, set_up


@pytest.fixture(autouse=True)
def own_handlers() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before, level


def test_writes_one_json_object_a_line() -> None:
    stream = io.StringIO()
    set_up("auto", "info", stream, worker=2)
    logger.info("serving\nnow", extra=fields(model="digits"))
    logger.debug("not told")
    (line,) = stream.getvalue().splitlines()
    entry = json.loads(line)
    assert entry.pop("time").endswith("Z")
    assert entry == {"level": "info", "message": "serving\nnow", "worker": 2, "model": "digits"}


def test_a_traceback_is_a_field_of_its_line() -> None:
    stream = io.StringIO()
    set_up("json", "info", stream)
    try:
        raise ValueError("why")
    except ValueError:
        logger.exception("failed")
    (line,) = stream.getvalue().splitlines()
    assert "ValueError: why" in json.loads(line)["exception"]


def test_writes_text_for_people() -> None:
    stream = io.StringIO()
    set_up("text", "info", stream)
    logger.warning("refused", extra=fields(model="digits"))
    assert stream.getvalue().endswith(" warning refused model=digits\n")
