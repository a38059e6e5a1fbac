"""The Docker engine of DOCKER_HOST, wherever it is: clients run in containers on its own network."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FILES = (ROOT / "compose.yaml", ROOT / "tests/pipelines/azurite.yaml")
IMAGES = os.environ.get("REGISTRY", "localhost")
TAG = os.environ.get("TAG", "0.1.0")
SOURCE = "az://devstoreaccount1/models/digits"
# Azurite's account key is public: it is in its documentation.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

ASK = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=5).read().decode())"
CREATE = """
import os
from azure.storage.blob import BlobServiceClient
client = BlobServiceClient.from_connection_string(os.environ["AZURE_STORAGE_CONNECTION_STRING"])
client.create_container("models")
"""


def connection(host: str) -> str:
    """Return what reaches Azurite on a host."""
    return (
        f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={KEY};"
        f"BlobEndpoint=http://{host}:10000/devstoreaccount1;"
    )


def environment(**more: str) -> dict[str, str]:
    """Return the variables that compose.yaml reads."""
    return {
        **os.environ,
        "REGISTRY": IMAGES,
        "TAG": TAG,
        "MODEL_SOURCE": SOURCE,
        "MODEL_INTERVAL": "1s",
        "AZURE_STORAGE_CONNECTION_STRING": connection("azurite"),
        **more,
    }


def docker(*words: str | Path, fails: bool = False, **variables: str) -> str:
    """Run the docker command in the project; with `fails` it must fail, and its errors are returned."""
    done = subprocess.run(
        ["docker", *map(str, words)],
        cwd=ROOT,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert (done.returncode != 0) == fails, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stderr if fails else done.stdout


def until(what: str, happens: Callable[[], Any], seconds: float = 300) -> Any:
    """Wait for something to be true and return it; the deadline is generous, it is no measure."""
    deadline = time.monotonic() + seconds
    while not (found := happens()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(1)
    return found


def ask(path: str) -> str:
    """Ask the port that the node publishes; nothing where nobody answers."""
    url = f"http://127.0.0.1:8080{path}"
    words = [
        "run",
        "--rm",
        "--network",
        "host",
        "--entrypoint",
        "python",
        f"{IMAGES}/inference:{TAG}",
        "-c",
        ASK,
        url,
    ]
    done = subprocess.run(["docker", *words], capture_output=True, text=True)
    return done.stdout.strip()


def served() -> str:
    """Return the version that the node serves; nothing where nobody answers."""
    return str(json.loads(ask("/version") or "{}").get("version", ""))


def in_store(*words: str, entrypoint: str = "model-fetcher", bundle: Path | None = None) -> None:
    """Run a command of the fetcher's image beside the store, with a bundle copied to /bundle."""
    variables = f"AZURE_STORAGE_CONNECTION_STRING={connection('127.0.0.1')}"
    options = ["--network", "host", "--env", variables, "--entrypoint", entrypoint]
    name = docker("create", *options, f"{IMAGES}/model-fetcher:{TAG}", *words).strip()
    try:
        if bundle:
            docker("cp", bundle, f"{name}:/bundle")
        docker("start", "--attach", name)
    finally:
        docker("rm", "--force", name)


def create_container() -> None:
    """Make the blob container, as soon as the store answers."""
    in_store("-c", CREATE, entrypoint="python")


def publish(bundle: Path, version: str) -> None:
    """Publish a version."""
    in_store("publish", "/bundle", SOURCE, "--version", version, "--no-check", bundle=bundle)


def refused() -> list[str]:
    """Return the versions that the node's server refused, as its fetcher knows them."""
    fetcher = docker("ps", "--quiet", "--filter", "name=model-fetcher").strip()
    status = docker("exec", fetcher, "python", "-c", ASK, "http://127.0.0.1:9091/status")
    return [version for model in json.loads(status)["models"].values() for version in model["refused"]]
