"""A blob store as tests see it, whatever its kind; and waiting for a server of one."""

import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

import requests

from programs import fetcher

PREFIX = "models/digits/"
FILES = {"model.onnx": b"weights " * 1000, "sub/labels.txt": b"zero\none\n", "empty": b""}
_DEADLINE = 60.0


class Store(ABC):
    """A fresh container or bucket, and the root of a model in it."""

    @property
    @abstractmethod
    def url(self) -> str:
        """The SOURCE argument."""

    @property
    @abstractmethod
    def env(self) -> dict[str, str]:
        """The variables to sign in with."""

    @property
    @abstractmethod
    def missing(self) -> str:
        """A SOURCE in a container or bucket that is not there."""

    @abstractmethod
    def down(self) -> dict[str, str]:
        """The variables of a store that does not answer."""

    @abstractmethod
    def upload(self, path: str, data: bytes) -> None:
        """Write a blob below the source, over another if need be."""

    @abstractmethod
    def download(self, path: str) -> bytes:
        """Read a blob below the source."""

    @abstractmethod
    def delete(self, path: str) -> None:
        """Remove a blob below the source."""

    @abstractmethod
    def names(self) -> list[str]:
        """The blobs below the source."""

    def publish(self, bundle: Path, version: str, *args: str) -> None:
        """Publish a directory by the real program."""
        done = fetcher("publish", bundle, self.url, "--version", version, "--no-check", *args, env=self.env)
        assert done.returncode == 0, done.stderr

    def publish_files(self, folder: Path, version: str, files: Mapping[str, bytes]) -> None:
        """Publish files by the real program; `folder` is where they are written before."""
        for path, data in files.items():
            (folder / version / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / version / path).write_bytes(data)
        self.publish(folder / version, version)


def wait_until_it_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    """Return once the server answers; fails if it ends or takes too long."""
    end = time.monotonic() + _DEADLINE
    while time.monotonic() < end:
        assert process.poll() is None, f"the server at {url} ended with {process.returncode}"
        try:
            requests.get(url, timeout=5)
            return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise AssertionError(f"no server answers at {url}")


def delivered(volume: Path) -> dict[str, bytes]:
    """The files of the version that is current, without its manifest."""
    top = volume / "digits" / "current"
    files = {path.relative_to(top).as_posix(): path.read_bytes() for path in top.rglob("*") if path.is_file()}
    files.pop("manifest.json")
    return files
