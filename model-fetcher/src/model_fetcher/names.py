"""Names and paths that are safe to put below a directory."""

import re

from model_fetcher.errors import FetcherError, IntegrityError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_MAX_PATH = 1024


def check_name(kind: str, name: str) -> str:
    """Return `name` if it may name a model, version or channel, else raise FetcherError."""
    if _NAME.fullmatch(name):
        return name
    raise FetcherError(
        f"{kind} {name!r} is not a valid name: use 1 to 128 letters, digits, '.', '_' or '-', "
        "beginning with a letter or digit"
    )


def check_path(path: object) -> str:
    """Return `path` if it stays below the directory it is joined to, else raise IntegrityError."""
    if not isinstance(path, str) or not 0 < len(path) <= _MAX_PATH:
        raise IntegrityError(f"path {path!r} is not a text of 1 to {_MAX_PATH} characters")
    if any(part in ("", ".", "..") for part in path.split("/")):
        raise IntegrityError(f"path {path!r} leaves its directory: use a relative path without '.' and '..'")
    if "\\" in path or not path.isprintable():
        raise IntegrityError(f"path {path!r} has a backslash or an unprintable character")
    return path
