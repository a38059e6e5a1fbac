"""The form of /score."""

import json
from typing import Any

import numpy as np
import orjson
import pytest

import pictures
from inference.errors import BadRequest
from inference.models.score import answer, probabilities, ranked
from inference.models.score import pictures as read


def body(value: Any) -> bytes:
    return json.dumps({"input": value}).encode()


def test_reads_a_list_and_a_list_in_a_string() -> None:
    encoded = pictures.text(b"hello")
    assert read(body([encoded])) == [b"hello"]
    assert read(body(json.dumps([encoded, encoded]))) == [b"hello", b"hello"]


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"{}", "input: must be a list of base64 pictures"),
        (body([]), "input: must be a list of base64 pictures"),
        (body("{}"), "input: must be a list of base64 pictures"),
        (body("aGVsbG8="), "input: the string is not a JSON list"),
        (body([1]), "image 1: must be a string of base64"),
        (body(["aGVsbG8=", "?"]), "image 2: is not base64"),
        (b"[1]", "the body must be a JSON object"),
        (b"x", "the body is not JSON"),
    ],
)
def test_says_what_is_wrong_with_the_input(raw: bytes, sentence: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read(raw)
    assert caught.value.message.startswith(sentence)


def test_ranks_with_labels_and_percentages() -> None:
    row = np.array([0.1, 0.65434, 0.24566])
    assert ranked(row, ("a", "b", "c"), 2) == [["b", 65.43], ["c", 24.57]]


def test_ranks_by_number_without_labels() -> None:
    assert ranked(np.array([0.25, 0.75]), (), 3) == [["1", 75.0], ["0", 25.0]]


def test_a_score_that_is_not_a_number_comes_last_and_is_null() -> None:
    ranks = ranked(np.array([np.nan, 0.5]), (), 2)
    assert orjson.loads(answer([ranks], 1))["result"][0] == [[["1", 50.0], ["0", None]]]


def test_softmax_makes_probabilities_of_any_scores() -> None:
    rows = probabilities(np.array([[1000.0, 1000.0], [0.0, np.log(3)]]), softmax=True)
    assert rows.tolist() == [[0.5, 0.5], pytest.approx([0.25, 0.75])]


def test_takes_scores_with_dimensions_of_one() -> None:
    assert probabilities(np.zeros((2, 3, 1, 1), np.float32), softmax=False).shape == (2, 3)


def test_the_label_is_where_the_first_service_had_it() -> None:
    result = orjson.loads(answer([[["seven", 99.5]]], 12.4))["result"]
    assert result[0][0][0][0] == "seven"
    assert result[1] == "Computed in 12 ms"
