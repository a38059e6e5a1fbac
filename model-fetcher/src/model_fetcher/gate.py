"""The gate before publishing: a command that judges the bundle, the server's own by default."""

import logging
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from model_fetcher.errors import BundleRefused, FetcherError

log = logging.getLogger(__name__)


def default_check() -> list[str] | None:
    """`inference check`, if the server is installed beside this program or on the PATH."""
    # Beside first: whoever calls a program of a virtual environment need not have activated it.
    here = str(Path(sys.executable).parent)
    found = shutil.which("inference", path=os.pathsep.join([here, os.environ.get("PATH", os.defpath)]))
    return [found, "check"] if found else None


def _split(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise FetcherError(f"cannot read the check {command!r}: {error}; correct --check") from error


def run_check(command: str | None, bundle: Path) -> None:
    """Run `command BUNDLE`; raises BundleRefused with what it said if it exits non-zero.

    Without a command and without the server there is nothing to judge by: that is said in the log.
    """
    words = _split(command) if command else default_check()
    if not words:
        log.warning("bundle is published unchecked: 'inference' is not installed; give --check")
        return
    try:
        done = subprocess.run(
            [*words, str(bundle)], text=True, errors="replace", capture_output=True, check=False
        )
    except OSError as error:
        raise FetcherError(f"cannot run the check {words[0]!r}: {error.strerror}; correct --check") from error
    for line in filter(None, done.stdout.splitlines()):
        log.info(line)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["it said nothing"]
        raise BundleRefused(
            f"bundle {bundle} is refused by {shlex.join(words)} (exit {done.returncode}): {said[-1]}; "
            "nothing was published"
        )
