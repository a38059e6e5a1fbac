"""Running model-fetcher as a process, with an environment that holds nothing by accident."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

_DEADLINE = 120


def environment(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a program needs of this environment, and what the test adds."""
    needed = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
    return {**needed, **(env or {})}


def fetcher_command(*args: object) -> list[str]:
    """The command line of model-fetcher."""
    return [sys.executable, "-m", "model_fetcher", *map(str, args)]


def fetcher(*args: object, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run model-fetcher to its end; the exit code is the caller's to look at."""
    return subprocess.run(
        fetcher_command(*args), env=environment(env), text=True, capture_output=True, timeout=_DEADLINE
    )


@contextmanager
def started(*args: object, env: Mapping[str, str] | None = None) -> Iterator["subprocess.Popen[str]"]:
    """Start model-fetcher; it is killed at the end of the block."""
    process = subprocess.Popen(
        fetcher_command(*args), env=environment(env), text=True, stderr=subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def free_port() -> int:
    """A port of 127.0.0.1 that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def log_lines(stderr: str) -> list[dict[str, Any]]:
    """What a program told on stderr: one JSON object a line."""
    return [json.loads(line) for line in stderr.splitlines()]


def last_message(done: subprocess.CompletedProcess[str]) -> str:
    """The last thing a program said, and nothing but JSON before it."""
    return str(log_lines(done.stderr)[-1]["message"])


def failed(code: int, *args: object, env: Mapping[str, str] | None = None) -> str:
    """What model-fetcher said last; it must end with this code, and not by a traceback."""
    done = fetcher(*args, env=env)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return last_message(done)
