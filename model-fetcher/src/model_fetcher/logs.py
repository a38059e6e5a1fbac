"""Logging: one JSON object a line on stderr, or short text for a person at a terminal."""

import json
import logging
import sys
from datetime import UTC, datetime

_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def extras(record: logging.LogRecord) -> dict[str, object]:
    """The fields that the caller gave by `extra=`."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


class JsonFormatter(logging.Formatter):
    """A record as one JSON object: time (UTC), level, message, and the caller's fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The record on one line."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **extras(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class TextFormatter(logging.Formatter):
    """A record as a person reads it."""

    def format(self, record: logging.LogRecord) -> str:
        """Time of day, level, message, fields."""
        time = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        fields = "".join(f" {name}={value}" for name, value in extras(record).items())
        text = f"{time} {record.levelname.lower():7} {record.getMessage()}{fields}"
        return text + ("\n" + self.formatException(record.exc_info) if record.exc_info else "")


def set_up(level: str, form: str) -> None:
    """Log to stderr; `form` is `json`, `text` or `auto` (text on a terminal)."""
    text = form == "text" or (form == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler()
    handler.setFormatter(TextFormatter() if text else JsonFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("model_fetcher").setLevel(level.upper())
    # It tells URLs, and with a SAS the query of a URL is the secret.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
