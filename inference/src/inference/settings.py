"""The settings of `inference serve`: one table, from which flags, variables and the docs are made."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inference import units
from inference.errors import SettingsError
from inference.models.execution import provider

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that `inference serve` can be told. Sizes in bytes, times in seconds; None is auto."""

    volume: Path
    model: tuple[str, ...]
    host: str
    port: int
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
    repository_control: bool
    poll: float
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


@dataclass(frozen=True, slots=True)
class Option:
    """One row of the table: a flag, its default as text (None: must be given), its reader and its help.

    `empty` is what an empty default means.
    """

    flag: str
    default: str | None
    read: Callable[[str], Any]
    help: str
    multiple: bool = False
    empty: str = "off"

    @property
    def key(self) -> str:
        """The field of `Settings`."""
        return self.flag.removeprefix("--").replace("-", "_")

    @property
    def variable(self) -> str:
        """The environment variable that stands for the flag."""
        return "INFERENCE_" + self.key.upper()


def directory(text: str) -> Path:
    """Read the path of a directory that is there."""
    path = Path(text)
    if not path.is_dir():
        raise ValueError("no such directory; create it, or mount the volume there")
    if not os.access(path, os.R_OK | os.X_OK):
        raise ValueError("may not be read; give this user read access")
    return path.absolute()


def scratch(text: str) -> Path | None:
    """Read the path of a directory that may be written to; none is none."""
    if not text:
        return None
    path = Path(text)
    if not path.is_dir():
        raise ValueError("no such directory; create it, or leave the flag out")
    if not os.access(path, os.W_OK | os.X_OK):
        raise ValueError("may not be written to; give this user write access, or leave the flag out")
    return path.absolute()


def model_name(text: str) -> str:
    """Read the name of a model."""
    if not NAME.fullmatch(text):
        raise ValueError("give a name of letters, digits, '.', '_' and '-', at most 128 long")
    return text


OPTIONS = (
    Option("--volume", None, directory, "Directory with one directory a model, as docs/contract.md says."),
    Option(
        "--model",
        "",
        model_name,
        "Serve this model only. May be repeated; the first is the default.",
        True,
        empty="all",
    ),
    Option("--host", "auto", str.strip, "Address to listen on; auto is every address, IPv4 and IPv6."),
    Option("--port", "8080", units.port, "Port for clients; 0 lets the system choose."),
    Option("--admin-port", "9090", units.port, "Port for /healthz, /readyz and /metrics."),
    Option("--workers", "1", units.count, "Server processes that share the ports."),
    Option("--threads", "auto", units.auto_count, "onnxruntime's threads a run; auto is CPUs / workers."),
    Option("--concurrency", "auto", units.auto_count, "Requests served at once, for each worker."),
    Option(
        "--provider", "cpu", provider, "What runs models: cpu, cuda or openvino; docs/memory.md says more."
    ),
    Option(
        "--cache", "", scratch, "Scratch directory for optimised copies of models; none are made without it."
    ),
    Option("--cache-size", "10GiB", units.size, "The most that these may take; one is twice its model."),
    Option("--queue", "64", units.count, "Requests that may wait, for each worker; beyond it 503."),
    Option("--max-body", "64MiB", units.size, "Largest request body."),
    Option(
        "--max-expansion",
        "200",
        units.count,
        "Largest expansion of a compressed body of more than 1 MiB: its bytes / the bytes that arrived.",
    ),
    Option(
        "--max-json-elements",
        "2000000",
        units.count,
        "Most elements of a JSON body; a number is 1, a string 2, a list 4, an object 8, each of its keys 8.",
    ),
    Option("--max-json-depth", "72", units.bounded(512), "Most levels of nesting in a JSON body."),
    Option("--max-pixels", "50MP", units.pixels, "Largest picture that is decoded, width x height."),
    Option("--max-pictures", "64", units.count, "Most pictures of a /score request."),
    Option("--max-request-pixels", "200MP", units.pixels, "Most pixels of all pictures of a request."),
    Option(
        "--cors-origin",
        "",
        units.origin,
        "Origin whose web pages may read responses, such as https://example.com; * is any. May be repeated.",
        True,
    ),
    Option(
        "--repository-control", "off", units.switch, "on: clients may load and unload models; needs 1 worker."
    ),
    Option("--poll", "5s", units.interval, "How often the links are read when no event tells of a change."),
    Option(
        "--swap-wait",
        "30s",
        units.duration,
        "How long a request waits where memory has no room for two versions of its model; then 503.",
    ),
    Option("--drain-wait", "3s", units.duration, "After SIGTERM: time to be seen as not ready."),
    Option("--drain-timeout", "20s", units.duration, "After that: time to finish what is in flight."),
    Option("--access-log", "off", units.switch, "on: log a line for each request on --port."),
    Option("--triton-metrics", "off", units.switch, "on: metrics under the names that Triton has, too."),
    Option(
        "--log-format", "auto", units.one_of("auto", "json", "text"), "auto is text on a terminal, else JSON."
    ),
    Option("--log-level", "info", units.one_of("debug", "info", "warning", "error"), "Least level to log."),
)


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
