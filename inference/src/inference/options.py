"""The table of `inference serve`'s options, from which flags, variables and the docs are made."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference import units
from inference.models.execution import provider

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


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
    Option(
        "--admin-host", "", units.optional_text, "Address of --admin-port; --host without it.", empty="--host"
    ),
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
    Option("--queue", "64", units.count, "Requests that may wait for each model, by worker; beyond it 503."),
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
    Option("--max-head", "32KiB", units.size, "Largest head of a request, or framing of a chunked body."),
    Option("--max-headers", "100", units.count, "Most headers of a request."),
    Option(
        "--max-in-progress",
        "auto",
        units.auto_size,
        "Memory for the bodies and unread responses of all requests; auto = a quarter of the memory limit.",
    ),
    Option("--max-connections", "4096", units.count, "Open connections on --port."),
    Option(
        "--max-connections-per-address",
        "1024",
        units.count,
        "Open connections of one address on --port.",
    ),
    Option("--head-timeout", "10s", units.interval, "Longest time for a request's head to arrive; then 408."),
    Option("--idle-timeout", "2m", units.interval, "Time after which an idle connection is closed."),
    Option(
        "--stall-timeout",
        "20s",
        units.interval,
        "Time that a client may stall while it sends a body or reads a response, before --min-rate holds.",
    ),
    Option("--min-rate", "1KiB", units.size, "Least bytes per second of a body or a response."),
    Option("--run-timeout", "30s", units.interval, "Longest run of a model for one request; then 503."),
    Option(
        "--repository-control", "off", units.switch, "on: clients may load and unload models; needs 1 worker."
    ),
    Option("--poll", "5s", units.interval, "How often the links are read when no event tells of a change."),
    Option(
        "--load-timeout",
        "5m",
        units.interval,
        "Longest check of a new version, golden examples included; a version that takes longer is rejected.",
    ),
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
