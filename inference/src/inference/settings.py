"""The settings of `inference serve`, read from its options."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inference.errors import SettingsError
from inference.options import OPTIONS, Option


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that `inference serve` can be told. Sizes in bytes, times in seconds; None is auto."""

    volume: Path
    model: tuple[str, ...]
    host: str
    port: int
    admin_host: str | None
    admin_port: int
    workers: int
    threads: int | None
    concurrency: int | None
    provider: str
    cache: Path | None
    cache_size: int
    queue: int
    max_body: int
    max_expansion: int
    max_json_elements: int
    max_json_depth: int
    max_pixels: int
    max_pictures: int
    max_request_pixels: int
    cors_origin: tuple[str, ...]
    max_head: int
    max_headers: int
    max_in_progress: int | None
    max_connections: int
    max_connections_per_address: int
    head_timeout: float
    idle_timeout: float
    stall_timeout: float
    min_rate: int
    run_timeout: float
    repository_control: bool
    poll: float
    load_timeout: float
    swap_wait: float
    drain_wait: float
    drain_timeout: float
    access_log: bool
    triton_metrics: bool
    log_format: str
    log_level: str

    def public(self) -> dict[str, Any]:
        """Return what the first log line tells. There is no secret among these settings."""
        return asdict(self) | {"volume": str(self.volume), "cache": self.cache, "model": list(self.model)}


def read_settings(given: Mapping[str, str | tuple[str, ...]]) -> Settings:
    """Read all settings, `given` by field; what is absent takes its default.

    Raises SettingsError with every problem at once.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    for option in OPTIONS:
        try:
            values[option.key] = _value(option, given.get(option.key))
        except ValueError as error:
            problems.append(str(error))
    if not problems:
        problems = _conflicts(values)
    if problems:
        raise SettingsError(problems)
    return Settings(**values)


def _value(option: Option, given: str | tuple[str, ...] | None) -> Any:
    if option.multiple:
        words = (given,) if isinstance(given, str) else given or ()
        return tuple(_read(option, word) for words_ in words for word in re.split(r"[\s,]+", words_) if word)
    text = given if isinstance(given, str) else option.default
    if text is None:
        raise ValueError(f"{option.flag}: missing; give it, or set {option.variable}")
    return _read(option, text)


def _read(option: Option, text: str) -> Any:
    try:
        return option.read(text)
    except ValueError as error:
        raise ValueError(f"{option.flag} {text!r}: {error}") from None


def _conflicts(values: Mapping[str, Any]) -> list[str]:
    problems = []
    if values["port"] and values["port"] == values["admin_port"]:
        problems.append(f"--port and --admin-port are both {values['port']}: give two different ports")
    if values["repository_control"] and values["workers"] > 1:
        problems.append("--repository-control on: reaches one worker only; give --workers 1, or leave it off")
    if values["cache"] and values["provider"] != "cpu":
        problems.append("--cache: copies are optimised for --provider cpu only; leave one of the two out")
    if "*" in values["cors_origin"] and len(values["cors_origin"]) > 1:
        problems.append("--cors-origin '*': allows every origin; leave the others out")
    names = values["model"]
    for name in sorted({name for name in names if names.count(name) > 1}):
        problems.append(f"--model {name!r}: given twice; name each model once")
    return problems
