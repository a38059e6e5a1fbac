"""Logging: one JSON object a line on stderr, or short text for a person at a terminal.

A record is one line, whatever its values hold.
"""

import json
import logging
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from model_fetcher.log_writer import Writer, open_standard_files, target

log = logging.getLogger("model_fetcher")

MAX_FIELD_CHARACTERS = 8192
"""A longer value is cut in its middle."""
_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# In text these follow the line of their record, indented.
_BLOCKS = ("stack", "exception")


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
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return text_of(cut(value))
    try:
        text = json.dumps(value, default=text_of, allow_nan=False, ensure_ascii=False)
        text.encode()  # the parsers of many languages refuse lone surrogates
    except (TypeError, ValueError, RecursionError):
        return cut(text_of(value))
    return value if len(text) <= MAX_FIELD_CHARACTERS else cut(text)


def _entry(record: logging.LogRecord, formatter: logging.Formatter) -> dict[str, Any]:
    """Return a record as its fields: message, those that the caller gave by `extra=`, exception."""
    try:
        message = record.getMessage()
    except Exception:  # the arguments do not fit the message
        message = f"{text_of(record.msg)} {text_of(record.args)}"
    extras = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    entry = {"message": message, **extras}
    if record.exc_info:
        entry["exception"] = formatter.formatException(record.exc_info)
    return {key: _bounded(value) for key, value in entry.items()}


class JsonFormatter(logging.Formatter):
    """A record as one JSON object: time (UTC), level, message, and the caller's fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record on one line, a traceback as a field of it."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        start = {"time": time.replace("+00:00", "Z"), "level": record.levelname.lower()}
        return json.dumps(start | _entry(record, self), default=text_of)


class TextFormatter(logging.Formatter):
    """A record as a person reads it: `08:30:00 info    message field=value`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line, and the indented lines of a traceback."""
        entry = _entry(record, self)
        time = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        line = f"{time} {record.levelname.lower():7} {entry.pop('message')}"
        blocks = [str(entry.pop(key)) for key in _BLOCKS if key in entry]
        line += "".join(f" {key}={_word(value)}" for key, value in entry.items())
        # Indented, no line of a traceback looks like another record.
        lines = [line, *(part for text in blocks for part in text.rstrip("\n").split("\n"))]
        return "\n    ".join(map(printable, lines))


def _word(value: object) -> str:
    """Return a value as one word: quoted if it could be read as more than one field."""
    word = printable(text_of(value))
    return json.dumps(word, ensure_ascii=False) if not word or set(word) & set(' "=') else word


def set_up(level: str, form: str) -> None:
    """Log to stderr; `form` is `json`, `text` or `auto` (text on a terminal)."""
    open_standard_files()
    text = form == "text" or (form == "auto" and sys.stderr is not None and sys.stderr.isatty())
    writer = Writer(target(sys.stderr))
    writer.setFormatter(TextFormatter() if text else JsonFormatter())
    logging.raiseExceptions = False
    logging.basicConfig(level=logging.WARNING, handlers=[writer], force=True)
    log.setLevel(level.upper())
    # It tells URLs, and with a SAS the query of a URL is the secret.
    logging.getLogger("urllib3").setLevel(logging.ERROR)


def flush(seconds: float) -> None:
    """Wait until what was logged is written, for `seconds` at most."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, Writer):
            handler.flush(seconds)


def log_uncaught() -> None:
    """Log exceptions that nobody catches, and warnings, as records in place of lines of their own."""

    def of_program(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        log.critical("uncaught exception", exc_info=(kind, error, trace))

    def of_thread(args: threading.ExceptHookArgs) -> None:
        name = args.thread.name if args.thread else ""
        error = args.exc_value or args.exc_type()
        log.critical("uncaught exception", extra={"in_thread": name}, exc_info=error)

    def of_destructor(args: "sys.UnraisableHookArgs") -> None:
        log.error("exception ignored", extra={"where": text_of(args.object)}, exc_info=args.exc_value)

    sys.excepthook, threading.excepthook, sys.unraisablehook = of_program, of_thread, of_destructor
    logging.captureWarnings(True)
