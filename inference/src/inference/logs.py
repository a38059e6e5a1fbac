"""Logs: one JSON object a line on stderr, or short text on a terminal."""

import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson

logger = logging.getLogger("inference")


def fields(**values: Any) -> dict[str, Any]:
    """Wrap fields for the `extra` of a log call: `logger.info("…", extra=fields(model="digits"))`."""
    return {"fields": values}


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class JsonFormatter(logging.Formatter):
    """`{"time": …, "level": …, "message": …, …fields}`, with some fields in every line."""

    def __init__(self, always: dict[str, Any]) -> None:
        """Put `always` into every line."""
        super().__init__()
        self._always = always

    def format(self, record: logging.LogRecord) -> str:
        """Write a record as one line of JSON, a traceback as a field of it."""
        entry: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        entry |= self._always | getattr(record, "fields", {})
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(entry, default=str).decode()


class TextFormatter(logging.Formatter):
    """`08:30:00 info    message field=value`, for a person at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record as one line of text, a traceback below it."""
        moment = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        told = "".join(f" {key}={value}" for key, value in getattr(record, "fields", {}).items())
        line = f"{moment} {record.levelname.lower():7} {record.getMessage()}{told}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def set_up(form: str, level: str, stream: TextIO = sys.stderr, **always: Any) -> None:
    """Send all logs to `stream`; `form` is auto, json or text, `always` is in every JSON line."""
    as_text = form == "text" or (form == "auto" and stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(TextFormatter() if as_text else JsonFormatter(always))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    # A client that goes away is its own affair, and waitress says so at info for each.
    logging.getLogger("waitress").setLevel(max(logging.WARNING, logging.getLogger().level))
    logging.getLogger("PIL").setLevel(logging.INFO)
    logging.getLogger("watchdog").setLevel(logging.INFO)
