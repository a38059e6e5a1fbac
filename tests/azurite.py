"""A real Azurite: starting it, and a container of it as a store."""

import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import requests
from azure.storage.blob import ContainerClient

from programs import fetcher

ACCOUNT = "devstoreaccount1"
# The emulator's key; its documentation tells it to everybody.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_DEADLINE = 60.0


@dataclass(frozen=True, slots=True)
class Store:
    """A container in the emulator, and the root of a model in it."""

    client: ContainerClient
    endpoint: str
    connection_string: str
    account: str = ACCOUNT
    key: str = KEY

    @property
    def url(self) -> str:
        """The SOURCE argument."""
        return f"az://{self.account}/{self.client.container_name}/models/digits"

    @property
    def env(self) -> dict[str, str]:
        """The variables to sign in with."""
        return {"AZURE_STORAGE_CONNECTION_STRING": self.connection_string}

    def upload(self, path: str, data: bytes) -> None:
        """Write a blob below the source, over another if need be."""
        self.client.upload_blob(f"models/digits/{path}", data, overwrite=True)

    def download(self, path: str) -> bytes:
        """Read a blob below the source."""
        return self.client.download_blob(f"models/digits/{path}").readall()

    def names(self) -> list[str]:
        """The blobs below the source."""
        root = "models/digits/"
        return [name.removeprefix(root) for name in self.client.list_blob_names(name_starts_with=root)]

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
    """Return once the emulator answers; fails if it ends or takes too long."""
    end = time.monotonic() + _DEADLINE
    while time.monotonic() < end:
        assert process.poll() is None, f"azurite ended with {process.returncode}"
        try:
            requests.get(url, timeout=5)
            return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise AssertionError(f"azurite does not answer at {url}")
