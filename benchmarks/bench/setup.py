"""What the bench needs, each in a place of its own below .cache/bench: a venv a peer, wrk, models.

A peer that cannot be had is a reason in the report; wrk and the models are needed by all.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "benchmarks"
CACHE = ROOT / ".cache/bench"
BIN = Path(sys.executable).parent
_INSTALL_SECONDS = 1200
_WRK = "wrk loads the servers: install it, for instance as the package wrk, so that it is on the PATH"


class Unavailable(Exception):
    """Something cannot be measured here; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Program:
    """A command and what it needs of the environment."""

    path: Path
    environment: Mapping[str, str]


def venv(directory: Path) -> Path:
    """Install the pinned `requirements.txt` of a directory into its venv, and return the venv's bin/.

    If the directory is a package, that is installed too. Raises Unavailable with the installer's last words.
    What is installed already is not touched.
    """
    lock = directory / "requirements.txt"
    place, log = CACHE / "venvs" / directory.name, CACHE / f"install-{directory.name}.log"
    stamp, wanted = place / ".installed", hashlib.sha256(lock.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        click.echo(f"installing {directory.name} into {place.relative_to(ROOT)}", err=True)
        python = place / "bin/python"
        uv, cache = str(BIN / "uv"), ["--cache-dir", str(ROOT / ".cache/uv")]
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
        _quietly([uv, "venv", "--clear", *cache, "--python", sys.executable, str(place)], log)
        install = [uv, "pip", "install", *cache, "--compile-bytecode", "--python", str(python)]
        _quietly([*install, "-r", str(lock)], log)
        if (directory / "pyproject.toml").exists():
            _quietly([*install, "--no-deps", "--editable", str(directory)], log)
        stamp.write_text(wanted)
    return place / "bin"


def _quietly(command: Sequence[str], log: Path) -> None:
    with log.open("a") as file:
        try:
            done = subprocess.run(command, stdout=file, stderr=file, timeout=_INSTALL_SECONDS)
        except subprocess.TimeoutExpired:
            raise Unavailable(f"Installing took more than {_INSTALL_SECONDS} s; see {log}.") from None
    if done.returncode:
        words = " ".join(log.read_text().split())[-300:]
        raise Unavailable(f"It could not be installed: … {words}")


def fetcher() -> Path:
    """The bin/ with our fetcher and what it needs, and no more: some of what tests need slows it down."""
    return venv(ROOT / "model-fetcher")


def wrk() -> Program:
    """The load generator: that of the PATH, else Debian's package, unpacked without being installed."""
    if found := shutil.which("wrk"):
        return Program(Path(found), {})
    place = CACHE / "wrk"
    program = place / "usr/bin/wrk"
    if not program.exists():
        _unpack(place, "wrk", "libluajit-5.1-2")
    libraries = sorted({str(path.parent) for path in place.glob("usr/lib/**/*.so*")})
    return Program(program, {"LD_LIBRARY_PATH": ":".join(libraries)})


def _unpack(place: Path, *packages: str) -> None:
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise click.ClickException(_WRK)
    click.echo(f"unpacking wrk into {place.relative_to(ROOT)}", err=True)
    place.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["apt-get", "download", *packages], cwd=place, capture_output=True, text=True)
    if done.returncode:
        shutil.rmtree(place)
        raise click.ClickException(f"{_WRK} (or let `apt-get update` run first): {done.stderr.strip()}")
    for package in place.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, place], check=True)
        package.unlink()


def model(name: str) -> Path:
    """The bundle `digits`, `resnet50` or `large` (200 MiB of weights); made when it is not there yet."""
    place = CACHE / "models" / name
    if not (place / "model.onnx").exists():
        click.echo(f"making the model {name}", err=True)
        maker = HERE / "tools/models"
        command: list[Path | str] = [BIN / "python", ROOT / "examples/digits/train.py", place]
        if name != "digits":
            command = [venv(maker) / "python", maker / "make.py", name, place]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            shutil.rmtree(place, ignore_errors=True)
            raise click.ClickException(f"the model {name} could not be made: {done.stderr.strip()[-500:]}")
    return place


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """What a measured program needs of this environment, and `extra`."""
    names = ("PATH", "HOME", "TMPDIR", "LANG")
    return {name: os.environ[name] for name in names if name in os.environ} | dict(extra)
