"""A real Azurite for the whole run, and a container of its own for each test."""

import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient

from azurite import ACCOUNT, KEY, Store, wait_until_it_answers
from programs import free_port

TESTS = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the emulator's account."""
    program = os.environ.get("AZURITE", str(TESTS.parent / ".tools/node_modules/.bin/azurite-blob"))
    assert Path(program).exists(), f"{program} is not there: run the tests with 'make test', or set AZURITE"
    port, place = free_port(), tmp_path_factory.mktemp("azurite")
    command = [program, "--blobHost", "127.0.0.1", "--blobPort", str(port)]
    flags = ["--skipApiVersionCheck", "--disableTelemetry", "--silent", "--inMemoryPersistence"]
    with (place / "log").open("wb") as log:
        process = subprocess.Popen([*command, *flags], cwd=place, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}/{ACCOUNT}"
        wait_until_it_answers(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture
def azure(azurite: str) -> Iterator[Store]:
    """A fresh container; removed afterwards, for the emulator keeps it in memory."""
    fields = (f"AccountName={ACCOUNT}", f"AccountKey={KEY}", f"BlobEndpoint={azurite}")
    text = ";".join(("DefaultEndpointsProtocol=http", *fields))
    with BlobServiceClient.from_connection_string(text) as service:
        client = service.create_container(f"test-{uuid.uuid4().hex[:12]}")
        yield Store(client, azurite, text)
        client.delete_container()
