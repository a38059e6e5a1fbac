"""The store in the cluster, and publishing to it from outside."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient

from e2e.kube import Namespace, run, until

ACCOUNT = "devstoreaccount1"
# Azurite's account key is public: it is in its documentation.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
SOURCE = f"az://{ACCOUNT}/models/digits"


def connection_string(host: str, key: str = KEY) -> str:
    """Return what reaches Azurite on a host."""
    endpoint = f"http://{host}/{ACCOUNT}"
    return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={key};BlobEndpoint={endpoint};"


@dataclass(frozen=True, slots=True)
class Store:
    """Azurite in a namespace."""

    namespace: Namespace
    bundles: Path
    """Holds one bundle a directory: `1`, `2` work, `broken` does not."""

    @property
    def inside(self) -> str:
        """The connection string for pods."""
        return connection_string(f"azurite.{self.namespace.name}:10000")

    def publish(self, bundle: str, version: str, *options: str, source: str = SOURCE) -> None:
        """Publish from outside the cluster."""
        self.fetcher("publish", str(self.bundles / bundle), source, "--version", version, *options)

    def fetcher(self, *words: str) -> str:
        """Run the model-fetcher command line outside the cluster, against this store."""
        with self._reached() as outside:
            return run("model-fetcher", *words, env={"AZURE_STORAGE_CONNECTION_STRING": outside})

    def create(self) -> None:
        """Make the container of the models."""
        with self._reached() as outside:
            try:
                BlobServiceClient.from_connection_string(outside).create_container("models")
            except ResourceExistsError:
                return

    @contextmanager
    def down(self) -> Iterator[None]:
        """Let nobody reach the store: no new connection comes through, and those that are open are cut."""
        self._select("nobody")
        # It writes to its disk every five seconds, and nothing may be lost with the process.
        time.sleep(6)
        self.namespace.kubectl("exec", "deployment/azurite", "--", "sh", "-c", "kill -KILL -1")
        try:
            yield
        finally:
            self._select("azurite")
            until("the store is back", self._answers)

    def _answers(self) -> bool:
        endpoints = self.namespace.get("endpointslices", "--selector=kubernetes.io/service-name=azurite")
        return any(
            one["conditions"]["ready"] for slice in endpoints["items"] for one in slice["endpoints"] or []
        )

    def _select(self, app: str) -> None:
        patch = f'{{"spec": {{"selector": {{"app": "{app}"}}}}}}'
        self.namespace.kubectl("patch", "service", "azurite", f"--patch={patch}")

    @contextmanager
    def _reached(self) -> Iterator[str]:
        port = _free_port()
        words = [
            "kubectl",
            "--namespace",
            self.namespace.name,
            "port-forward",
            "deployment/azurite",
            f"{port}:10000",
        ]
        forward = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait_for(port)
            yield connection_string(f"127.0.0.1:{port}")
        finally:
            forward.terminate()
            forward.wait()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, f"nothing listens on port {port}"
            time.sleep(0.1)
        else:
            return
