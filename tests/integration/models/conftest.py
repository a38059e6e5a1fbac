"""One server with all of them, each brought by the real programs: published, fetched, served."""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from programs import fetcher
from servers import Server

from .asking import WAYS, Ask
from .bundles import BUNDLES, Bare, bare

VERSION = "v1"


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of bundles."""
    place = tmp_path_factory.mktemp("bundles")
    for name, make in BUNDLES.items():
        (place / name).mkdir()
        make(place / name)
    return place


@pytest.fixture(scope="session")
def server(bundles: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Publish each after its check, fetch all, serve them."""
    place = tmp_path_factory.mktemp("store")
    sources = [(place / "store" / name).as_uri() for name in BUNDLES]
    for name, source in zip(BUNDLES, sources, strict=True):
        check = f"{sys.executable} -m inference check"
        told = fetcher("publish", bundles / name, source, "--version", VERSION, "--check", check)
        assert told.returncode == 0, told.stderr
    fetched = fetcher("fetch", *sources, "--volume", place / "volume")
    assert fetched.returncode == 0, fetched.stderr
    flags = [word for name in BUNDLES for word in ("--model", name)]
    server = Server(place / "volume", place / "log", *flags).wait_ready()
    yield server
    assert server.stop() == 0
    assert server.logged("a request failed") == []


@pytest.fixture(scope="session")
def alone(bundles: Path) -> dict[str, Bare]:
    """Each model in bare onnxruntime."""
    return {name: bare(bundles / name / "model.onnx") for name in BUNDLES}


@pytest.fixture(params=WAYS)
def ask(request: pytest.FixtureRequest, server: Server) -> Ask:
    """Ask a model, once with raw tensors and once with JSON."""
    return partial(WAYS[request.param], server)
