"""One server with models of every datatype, for clients that others wrote."""

from collections.abc import Iterator
from functools import partial

import pytest
from onnx import TensorProto

import models
from inference.protocol.datatypes import BY_NAME
from servers import Server
from volumes import Volume

LABELS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve `digits`, `sums`, and for each datatype a model that gives back what it takes."""
    volume = Volume(tmp_path_factory.mktemp("volume"))
    volume.add(
        "digits", "v1", partial(models.classifier, likes=7), {"labels": LABELS, "image": {"scale": 0.0627451}}
    )
    volume.add("sums", "v1", models.add)
    for name, datatype in BY_NAME.items():
        kind = TensorProto.DataType.Value(TensorProto.DataType.Name(datatype.number))
        volume.add(name, "v1", partial(models.identity, kind=kind))
    names = ("digits", "sums", *BY_NAME)
    for name in names:
        volume.point(name, "v1")
    flags = [word for name in names for word in ("--model", name)]
    log = tmp_path_factory.mktemp("log") / "log"
    flags += ["--max-body", "1MiB", "--repository-control", "on"]
    server = Server(volume.root, log, *flags).wait_ready()
    yield server
    assert server.stop() == 0
    assert server.logged("a request failed") == []
