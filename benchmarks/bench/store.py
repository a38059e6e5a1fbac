"""A real Azurite as the store, and our fetcher on it."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from azure.storage.blob import BlobServiceClient

from bench import setup
from bench.processes import Command, free_port, post, running, until

ACCOUNT, CONTAINER = "devstoreaccount1", "bench"
# The emulator's key; its documentation tells it to everybody.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_PUBLISH_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Store:
    """A container of the emulator with one model in it."""

    url: str
    log: Path

    @property
    def source(self) -> str:
        """The SOURCE argument of our fetcher."""
        return f"az://{ACCOUNT}/{CONTAINER}/models/model"

    @property
    def connection_string(self) -> str:
        """What Azure's SDK and our fetcher sign in with."""
        fields = (f"AccountName={ACCOUNT}", f"AccountKey={KEY}", f"BlobEndpoint={self.url}")
        return ";".join(("DefaultEndpointsProtocol=http", *fields))

    def fetcher(self, command: str, *words: str) -> Command:
        """`model-fetcher` on this store."""
        environment = {"AZURE_STORAGE_CONNECTION_STRING": self.connection_string}
        program = str(setup.fetcher() / "model-fetcher")
        return Command((program, command, *words), setup.environment(environment))

    def publish(self, bundle: Path, version: str) -> None:
        """Publish a bundle that is known to work."""
        command = self.fetcher("publish", str(bundle), self.source, "--version", version, "--no-check")
        run(command, _PUBLISH_SECONDS)

    def requests(self) -> int:
        """How many requests the emulator has answered, by its own log."""
        return self.log.read_bytes().count(b" HTTP/1.1")


def run(command: Command, seconds: float) -> None:
    """Run a program to its end; raises Unavailable with its last words if it fails or takes too long."""
    name, environment = Path(command.words[0]).name, dict(command.environment)
    try:
        done = subprocess.run(command.words, env=environment, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise setup.Unavailable(f"{name} took more than {seconds:g} s.") from None
    if done.returncode:
        words = " ".join(done.stderr.split())[-300:]
        raise setup.Unavailable(f"{name} ended with exit code {done.returncode}: … {words}")


@contextmanager
def azurite(work: Path) -> Iterator[Store]:
    """Run the emulator with a fresh container while the block lasts; it keeps its blobs below `work`."""
    port, log = free_port(), work / "azurite.log"
    program = str(setup.ROOT / ".tools/node_modules/.bin/azurite-blob")
    flags = ("--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(work / "blobs"))
    quiet = ("--skipApiVersionCheck", "--disableTelemetry")
    with running(Command((program, *flags, *quiet), setup.environment({})), log) as process:
        until("Azurite listens", lambda: b"successfully listens" in log.read_bytes(), process)
        store = Store(f"http://127.0.0.1:{port}/{ACCOUNT}", log)
        with BlobServiceClient.from_connection_string(store.connection_string) as service:
            service.create_container(CONTAINER)
        yield store


def metric(port: int, name: str) -> float:
    """A metric of an admin port, summed over its labels; 0 while there is none."""
    told = post(f"http://127.0.0.1:{port}/metrics", {}, None) or b""
    lines = told.decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))
