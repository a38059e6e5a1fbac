"""A model of bytes: it tells the type of a file."""

import numpy as np
import pytest

from servers import Server

from . import asking
from .asking import Ask, assert_same
from .bundles import FILES, Bare, ends


@pytest.mark.parametrize("kind", FILES)
def test_gives_what_bare_onnxruntime_gives(ask: Ask, alone: dict[str, Bare], kind: str) -> None:
    row = ends(FILES[kind])
    assert_same(ask("files", bytes=row), alone["files"](bytes=row))


def test_several_files_give_what_each_gives_alone(server: Server, alone: dict[str, Bare]) -> None:
    rows = [ends(data) for data in FILES.values()]
    scores = asking.raw(server, "files", bytes=np.concatenate(rows))["target_label"]
    for row, one in zip(rows, scores, strict=True):
        assert_same({"target_label": one[np.newaxis]}, alone["files"](bytes=row))


@pytest.mark.parametrize("kind", FILES)
def test_the_best_class_has_its_label(server: Server, kind: str) -> None:
    body = {
        "inputs": [
            {
                "name": "bytes",
                "datatype": "INT32",
                "shape": [1, 2048],
                "data": ends(FILES[kind]).ravel().tolist(),
            }
        ],
        "outputs": [{"name": "target_label", "parameters": {"classification": 1}}],
    }
    answer = server.post("/v2/models/files/infer", body)
    assert answer.status == 200, answer.error
    assert answer.json()["outputs"][0]["data"][0].endswith(f":{kind}")
