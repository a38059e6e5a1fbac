"""A real Azurite and a real S3 server for the whole run, and a store of its own for each test."""

import os
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient

from azurite import ACCOUNT, KEY, Container
from blobs import Store, wait_until_it_answers
from programs import free_port
from versitygw import ACCESS_KEY_ID, SECRET, Bucket

TOOLS = Path(__file__).parents[3] / ".tools"


@contextmanager
def serving(
    variable: str, program: Path, url: str, place: Path, *flags: object, env: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Run a server until the end of the block; the variable may name another program."""
    command = os.environ.get(variable, str(program))
    assert Path(command).exists(), (
        f"{command} is not there: run the tests with 'make test', or set {variable}"
    )
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(
            [command, *map(str, flags)], cwd=place, stdout=log, stderr=log, env=os.environ | (env or {})
        )
    try:
        wait_until_it_answers(url, process)
        yield
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the emulator's account."""
    port = free_port()
    url, place = f"http://127.0.0.1:{port}/{ACCOUNT}", tmp_path_factory.mktemp("azurite")
    address = ("--blobHost", "127.0.0.1", "--blobPort", port)
    flags = ("--skipApiVersionCheck", "--disableTelemetry", "--silent", "--inMemoryPersistence")
    with serving("AZURITE", TOOLS / "node_modules/.bin/azurite-blob", url, place, *address, *flags):
        yield url


@pytest.fixture(scope="session")
def versitygw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The URL of an S3 server, and the directory whose directories are its buckets."""
    address, place = f"127.0.0.1:{free_port()}", tmp_path_factory.mktemp("versitygw")
    for name in ("buckets", "metadata"):
        (place / name).mkdir()
    # The metadata beside the data: not every file system has extended attributes.
    where = ("posix", "--sidecar", place / "metadata", place / "buckets")
    root = {"ROOT_ACCESS_KEY": ACCESS_KEY_ID, "ROOT_SECRET_KEY": SECRET}
    flags = ("--port", address, "--keep-alive", "--quiet", *where)
    with serving("VERSITYGW", TOOLS / "bin/versitygw", f"http://{address}", place, *flags, env=root):
        yield f"http://{address}", place / "buckets"


@pytest.fixture
def azure(azurite: str) -> Iterator[Container]:
    """A fresh container; removed afterwards, for the emulator keeps it in memory."""
    fields = (f"AccountName={ACCOUNT}", f"AccountKey={KEY}", f"BlobEndpoint={azurite}")
    text = ";".join(("DefaultEndpointsProtocol=http", *fields))
    with BlobServiceClient.from_connection_string(text) as service:
        client = service.create_container(f"test-{uuid.uuid4().hex[:12]}")
        yield Container(client, azurite, text)
        client.delete_container()


@pytest.fixture
def s3(versitygw: tuple[str, Path]) -> Bucket:
    """A fresh bucket."""
    endpoint, buckets = versitygw
    bucket = Bucket(f"test-{uuid.uuid4().hex[:12]}", endpoint)
    (buckets / bucket.name).mkdir()
    return bucket


@pytest.fixture(params=["azure", "s3"])
def store(request: pytest.FixtureRequest) -> Store:
    """A fresh store of each kind in turn."""
    found: Store = request.getfixturevalue(request.param)
    return found
