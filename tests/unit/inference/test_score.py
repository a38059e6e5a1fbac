"""The form of /score."""

import json
from typing import Any

import numpy as np
import orjson
import pytest

import pictures
from inference.errors import BadRequest, TooLarge
from inference.models.picturefiles import PictureLimits
from inference.models.score import answer, probabilities, ranked, rows_of
from inference.models.score import pictures as read
from inference.protocol.limits import JsonLimits


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
        (body("aGVsbG8="), "input: the string is not JSON"),
        (body('{"a": 1, "a": 2}'), "input: the string has the key 'a' twice in one object"),
        (b'{"input": [], "input": []}', "the body has the key 'input' twice in one object"),
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


def test_rows_stay_in_the_order_of_the_pictures() -> None:
    scores = np.arange(6, dtype=np.float32).reshape(2, 3)
    for shape in ((2, 3), (2, 3, 1), (2, 3, 1, 1)):
        assert rows_of(scores.reshape(shape), 2).tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("shape", [(), (2,), (1, 6), (3, 2), (2, 3, 2), (4, 2, 3), (2, 1, 3), (1, 2, 3)])
def test_scores_of_any_other_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"for 2 pictures; it must be \[pictures, classes\]"):
        rows_of(np.zeros(shape), 2)


@pytest.mark.parametrize("score", [-0.001, 0.0, 1.0, 1.001])
def test_probabilities_may_be_off_by_what_half_precision_rounds(score: float) -> None:
    assert probabilities(np.array([[score]]), softmax=False).tolist() == [[min(max(score, 0), 1)]]


@pytest.mark.parametrize("score", [-0.0011, 1.0011, 17.5, np.inf, -np.inf])
def test_scores_that_are_no_probabilities_need_a_softmax(score: float) -> None:
    scores = np.array([[np.nan, score, 0.5]])
    with pytest.raises(ValueError, match=r"is no probability; give .*softmax"):
        probabilities(scores, softmax=False)
    assert probabilities(scores, softmax=True).shape == (1, 3)


def test_takes_as_many_pictures_as_allowed_and_not_one_more() -> None:
    three = body([pictures.text(b"x")] * 3)
    assert len(read(three, PictureLimits(pictures=3))) == 3
    with pytest.raises(TooLarge, match=r"has 3 pictures, the server takes 2 \(--max-pictures\)"):
        read(three, PictureLimits(pictures=2))


@pytest.mark.parametrize("raw", [body(["["] * 9 + [[]] * 9), body("[" + "[]," * 9 + "1]")])
def test_no_json_is_read_without_limits(raw: bytes) -> None:
    with pytest.raises(TooLarge, match="--max-json-elements"):
        read(raw, json=JsonLimits(elements=12))


def test_the_label_is_where_the_first_service_had_it() -> None:
    result = orjson.loads(answer([[["seven", 99.5]]], 12.4))["result"]
    assert result[0][0][0][0] == "seven"
    assert result[1] == "Computed in 12 ms"
