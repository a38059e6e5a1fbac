"""Who is measured has to answer as onnxruntime does."""

from pathlib import Path

import numpy as np
import orjson
import pytest

import models
from bench.question import Question
from bench.setup import Unavailable


@pytest.fixture
def question(tmp_path: Path) -> Question:
    models.classifier(tmp_path / "model.onnx", likes=3)
    return Question.of(tmp_path)


def test_the_right_answer_is_taken_in_both_forms(question: Question) -> None:
    question.check(question.answer.tobytes(), raw=True)
    question.check(b"a header of any length" + question.answer.tobytes(), raw=True)
    outputs = [{"data": question.answer.ravel().tolist()}]
    question.check(orjson.dumps({"outputs": outputs}), raw=False)


def test_another_answer_is_refused(question: Question) -> None:
    other = np.roll(question.answer, 1)
    with pytest.raises(Unavailable, match="otherwise than onnxruntime"):
        question.check(other.tobytes(), raw=True)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"outputs": []}', b'{"error": "no"}', b'{"outputs": [{"data": "x"}]}']
)
def test_what_is_no_answer_is_refused(question: Question, body: bytes) -> None:
    with pytest.raises(Unavailable, match="cannot be read"):
        question.check(body, raw=False)


def test_an_answer_of_another_size_is_refused(question: Question) -> None:
    with pytest.raises(Unavailable, match="otherwise"):
        question.check(b'{"outputs": [{"data": [1.0]}]}', raw=False)
