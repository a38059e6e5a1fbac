"""All of them at once on one server."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from servers import Server

from . import asking, sounds
from .asking import Array, assert_same
from .bundles import BUNDLES, FILES, Bare, ends
from .conftest import VERSION
from .test_pictures import rgb
from .words import tokens


@pytest.fixture(scope="module")
def inputs() -> dict[str, dict[str, Array]]:
    """One request's tensors for each."""
    chunk = sounds.chunks(sounds.sentence())[20]
    return {
        "pictures": {"rgb": rgb("flower")},
        "speech": {"input": chunk, "state": sounds.silence(1), "sr": np.array(sounds.RATE)},
        "sentences": tokens(["Which of the models am I for?"]),
        "files": {"bytes": ends(FILES["python"])},
    }


def test_each_client_gets_the_answer_of_its_model(
    server: Server, alone: dict[str, Bare], inputs: dict[str, dict[str, Array]]
) -> None:
    names = list(BUNDLES) * 4
    with ThreadPoolExecutor(len(names)) as clients:
        answers = list(clients.map(lambda name: asking.raw(server, name, **inputs[name]), names))
    for name, answer in zip(names, answers, strict=True):
        assert_same(answer, alone[name](**inputs[name]))


SENTENCES = [
    "one",
    "a longer sentence about models",
    "and one more",
    "cats",
    "no two of these have equal words",
]


def test_rows_of_other_clients_in_a_batch_change_no_answer(server: Server, alone: dict[str, Bare]) -> None:
    # Sentences of equal length and files share runs of their models; so the rounding differs, and no more.
    padded = tokens(SENTENCES)
    rows = [{name: array[at : at + 1] for name, array in padded.items()} for at in range(len(SENTENCES))]
    asked = [("files", {"bytes": ends(data)}) for data in FILES.values()] + [
        ("sentences", row) for row in rows
    ]
    with ThreadPoolExecutor(3 * len(asked)) as clients:
        answers = list(clients.map(lambda one: asking.raw(server, one[0], **one[1]), asked * 3))
    for (name, given), answer in zip(asked * 3, answers, strict=True):
        assert_same(answer, alone[name](**given))


def test_all_are_listed_and_told_apart(server: Server) -> None:
    rows = [{"name": name, "version": VERSION, "state": "READY", "reason": ""} for name in sorted(BUNDLES)]
    assert sorted(server.index(), key=lambda row: row["name"]) == rows
    digests = {server.get(f"/version?model={name}").json()["digest"] for name in BUNDLES}
    assert len(digests) == len(BUNDLES)


def test_tensors_of_one_model_are_refused_by_another(server: Server) -> None:
    body = {"inputs": [{"name": "rgb", "datatype": "FP32", "shape": [1], "data": [0.0]}]}
    answer = server.post("/v2/models/speech/infer", body)
    assert answer.status == 400
    assert answer.error == "input 'rgb': the model has no such input; it takes input, state, sr"
