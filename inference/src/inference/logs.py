"""Logs: one JSON object a line on stderr, or short text on a terminal.

A record is one line, whatever its values hold.
"""

import json
import logging
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

import orjson

from inference.log_writer import Writer, open_standard_files, target

logger = logging.getLogger("inference")

# A longer value is cut in its middle.
MAX_FIELD_CHARACTERS = 8192
# In text these follow the line of their record, indented.
_BLOCKS = ("stack", "exception")


def fields(**values: Any) -> dict[str, Any]:
    """Wrap fields for the `extra` of a log call: `logger.info("…", extra=fields(model="digits"))`."""
    return {"fields": values}


def text_of(value: object) -> str:
    """Return a value as text that UTF-8 can carry; never raises."""
    try:
        text = str(value)
    except Exception:
        text = f"a {type(value).__name__} that has no text"
    # A path that is not UTF-8 has lone surrogates in Python.
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def cut(text: str) -> str:
    """Return a text of at most `MAX_FIELD_CHARACTERS`, and a note of what is missing from its middle."""
    spare = len(text) - MAX_FIELD_CHARACTERS
    if spare <= 0:
        return text
    half = MAX_FIELD_CHARACTERS // 2
    return f"{text[:half]} [{spare} characters cut] {text[-half:]}"


def printable(text: str) -> str:
    """Return a text with line ends, control and invisible characters as escapes (`\\n`, `\\x1b`)."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _bounded(value: Any) -> Any:
    """Return a field's value as it is, or cut, or as text if JSON cannot carry it."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, str):
        return text_of(cut(value))
    try:
        text = orjson.dumps(value, default=text_of).decode()
    except TypeError:
        return cut(text_of(value))
    return value if len(text) <= MAX_FIELD_CHARACTERS else cut(text)


class _Formatter(logging.Formatter):
    """What both formats share."""

    def entry(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return a record as its fields: message, the caller's, exception."""
        try:
            message = record.getMessage()
        except Exception:  # the arguments do not fit the message
            message = f"{text_of(record.msg)} {text_of(record.args)}"
        entry = {"message": message} | getattr(record, "fields", {})
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return {key: _bounded(value) for key, value in entry.items()}


class JsonFormatter(_Formatter):
    """`{"time": …, "level": …, "message": …, …fields}`, with some fields in every line."""

    def __init__(self, always: dict[str, Any]) -> None:
        """Put `always` into every line."""
        super().__init__()
        self._always = always

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as one line of JSON, a traceback as a field of it."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        start = {"time": moment.replace("+00:00", "Z"), "level": record.levelname.lower()}
        entry = start | self._always | self.entry(record)
        line = orjson.dumps(entry, default=text_of).decode()
        if line.isprintable():
            return line
        # Many readers of lines take U+2028 and U+0085 for a line's end, and terminals act on U+009B.
        return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in line)


class TextFormatter(_Formatter):
    """`08:30:00 info    message field=value`, for a person at a terminal; a traceback follows, indented."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as one line of text, and the indented lines of a traceback."""
        entry = self.entry(record)
        moment = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        line = f"{moment} {record.levelname.lower():7} {entry.pop('message')}"
        blocks = [str(entry.pop(key)) for key in _BLOCKS if key in entry]
        line += "".join(f" {key}={_word(value)}" for key, value in entry.items())
        # Indented, no line of a traceback looks like another record.
        lines = [line, *(part for text in blocks for part in text.rstrip("\n").split("\n"))]
        return "\n    ".join(map(printable, lines))


def _word(value: object) -> str:
    """Return a value as one word: quoted if it could be read as more than one field."""
    word = printable(text_of(value))
    return json.dumps(word, ensure_ascii=False) if not word or set(word) & set(' "=') else word


def set_up(form: str, level: str, stream: TextIO | None = None, **always: Any) -> None:
    """Send all logs to `stream` (stderr); `form` is auto, json or text, `always` is in every JSON line."""
    open_standard_files()
    stream = stream or sys.stderr
    as_text = form == "text" or (form == "auto" and stream is not None and stream.isatty())
    writer = Writer(target(stream))
    writer.setFormatter(TextFormatter() if as_text else JsonFormatter(always))
    logging.raiseExceptions = False
    logging.basicConfig(handlers=[writer], level=level.upper(), force=True)
    # A client that goes away is its own affair, and waitress says so at info for each.
    logging.getLogger("waitress").setLevel(max(logging.WARNING, logging.getLogger().level))
    logging.getLogger("PIL").setLevel(logging.INFO)


def flush(seconds: float) -> None:
    """Wait until what was logged is written, for `seconds` at most."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, Writer):
            handler.flush(seconds)


def log_uncaught() -> None:
    """Log exceptions that nobody catches, and warnings, as records in place of lines of their own."""

    def of_program(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        logger.critical("uncaught exception", exc_info=(kind, error, trace))

    def of_thread(args: threading.ExceptHookArgs) -> None:
        name = args.thread.name if args.thread else ""
        error = args.exc_value or args.exc_type()
        logger.critical("uncaught exception", extra=fields(in_thread=name), exc_info=error)

    def of_destructor(args: "sys.UnraisableHookArgs") -> None:
        logger.error("exception ignored", extra=fields(where=text_of(args.object)), exc_info=args.exc_value)

    sys.excepthook, threading.excepthook, sys.unraisablehook = of_program, of_thread, of_destructor
    logging.captureWarnings(True)
