"""serving.json, and what is said of a wrong one."""

from pathlib import Path
from typing import Any

import pytest

from inference.errors import Refused
from inference.models.bundle import (
    MAX_BATCH_SIZE,
    Batching,
    Bundle,
    ImageExample,
    TensorExample,
    parse_bundle,
    read_bundle,
)


def refusal(value: Any, directory: Path) -> str:
    with pytest.raises(Refused) as caught:
        parse_bundle(value, directory)
    return str(caught.value)


def test_a_bundle_without_serving_json_says_nothing(tmp_path: Path) -> None:
    assert read_bundle(tmp_path) == Bundle()


def test_every_key_is_optional(tmp_path: Path) -> None:
    bundle = parse_bundle({"image": {}, "scores": {}, "examples": []}, tmp_path)
    assert bundle.image is not None
    assert (bundle.image.resize, bundle.image.scale, bundle.top_k) == ("stretch", 1.0, 3)


def test_reads_all_keys(tmp_path: Path) -> None:
    (tmp_path / "7.png").write_bytes(b"")
    image = {
        "input": "image", "width": 8, "height": 9, "mode": "L", "layout": "NHWC", "resize": "pad",
        "scale": 0.5, "mean": [1], "std": [2.5],
    }  # fmt: skip
    examples = [
        {"inputs": {"x": [1]}, "outputs": {"y": [2]}, "tolerance": 0},
        {"image": "7.png", "label": "b"},
    ]
    value = {"labels": ["a", "b"], "image": image, "scores": {"output": "y", "softmax": True}, "top_k": 2}
    bundle = parse_bundle({**value, "examples": examples}, tmp_path)
    assert bundle.labels == ("a", "b")
    assert bundle.scores.softmax
    assert bundle.examples == (
        TensorExample({"x": [1]}, {"y": [2]}, 0.0),
        ImageExample(tmp_path / "7.png", "b"),
    )


def test_reads_how_to_batch(tmp_path: Path) -> None:
    assert parse_bundle({}, tmp_path).batching is None
    assert parse_bundle({"batching": {}}, tmp_path).batching == Batching(32, 0.0, 128, 10.0)
    given = {"max_batch_size": 8, "max_delay": "2ms", "max_queue": 9, "timeout": "1m"}
    assert parse_bundle({"batching": given}, tmp_path).batching == Batching(8, 0.002, 9, 60.0)
    promised = parse_bundle({"batching": {"rows_are_independent": True}}, tmp_path).batching
    assert promised == Batching(32, 0.0, 128, 10.0, rows_are_independent=True)


def test_a_batch_has_a_limit(tmp_path: Path) -> None:
    largest = parse_bundle({"batching": {"max_batch_size": MAX_BATCH_SIZE}}, tmp_path).batching
    assert largest is not None
    assert largest.max_batch_size == 65_536
    words = "serving.json: batching.max_batch_size: must be at most 65,536, got 65537"
    assert refusal({"batching": {"max_batch_size": MAX_BATCH_SIZE + 1}}, tmp_path) == words


def test_reads_labels_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    assert parse_bundle({"labels": "labels.txt"}, tmp_path).labels == ("cat", "dog")


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        (b"\xef\xbb\xbfcat\r\ndog\r\nbird\r\n", ["cat", "dog", "bird"]),
        (b"cat\ndog", ["cat", "dog"]),
        (b"cat\ndog\n\n", ["cat", "dog", ""]),
        ("a\u2028b\nc\x85d\x0be\x1cf\n".encode(), ["a\u2028b", "c\x85d\x0be\x1cf"]),
        (b"a\rb\n", ["a\rb"]),
        (b"\xef\xbb\xbf\xef\xbb\xbfa", ["\ufeffa"]),
    ],
)
def test_a_label_is_a_line_and_only_newlines_end_lines(tmp_path: Path, text: bytes, labels: Any) -> None:
    (tmp_path / "labels.txt").write_bytes(text)
    assert list(parse_bundle({"labels": "labels.txt"}, tmp_path).labels) == labels


def test_serving_json_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "serving.json").write_bytes(b'\xef\xbb\xbf{"top_k": 2}')
    assert read_bundle(tmp_path).top_k == 2


def test_a_key_of_serving_json_is_there_once(tmp_path: Path) -> None:
    (tmp_path / "serving.json").write_text('{"image": {"scale": 1, "scale": 2}}')
    with pytest.raises(Refused, match=r"^serving\.json: has the key 'scale' twice in one object"):
        read_bundle(tmp_path)


def test_serving_json_is_not_nested_without_end(tmp_path: Path) -> None:
    (tmp_path / "serving.json").write_text("[" * 73 + "]" * 73)
    with pytest.raises(Refused, match=r"^serving\.json: has more than 50000000 elements or 72 levels"):
        read_bundle(tmp_path)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"lables": []}, "serving.json: unknown key 'lables'; did you mean 'labels'?"),
        (
            {"zzz": 1},
            "serving.json: unknown key 'zzz'; known keys are labels, image, scores, top_k, examples",
        ),
        ({"image": {"widht": 8}}, "serving.json: image: unknown key 'widht'; did you mean 'width'?"),
        ({"scores": {"softmx": True}}, "serving.json: scores: unknown key 'softmx'; did you mean 'softmax'?"),
        ([], "serving.json: must be an object, got []"),
        ({"image": 3}, "serving.json: image: must be an object, got 3"),
        ({"labels": [1]}, "serving.json: labels: must be a list of strings, or the name of a text file"),
        ({"labels": []}, "serving.json: labels: must be a list of strings"),
        ({"labels": "empty.txt"}, "serving.json: labels: must be a list of strings"),
        ({"labels": "none.txt"}, "serving.json: labels: the bundle has no file 'none.txt'; add it"),
        ({"labels": "../secret"}, "serving.json: labels: '../secret' is not inside the bundle"),
        ({"labels": "/etc/passwd"}, "serving.json: labels: '/etc/passwd' is not inside the bundle"),
        ({"top_k": 0}, "serving.json: top_k: must be a whole number of at least 1, got 0"),
        ({"top_k": True}, "serving.json: top_k: must be a whole number of at least 1, got True"),
        (
            {"image": {"width": "8"}},
            "serving.json: image.width: must be a whole number of at least 1, got '8'",
        ),
        ({"image": {"mode": "CMYK"}}, "serving.json: image.mode: must be one of RGB, L, got 'CMYK'"),
        ({"image": {"mean": []}}, "serving.json: image.mean: must be a list of numbers, got []"),
        ({"image": {"std": [0]}}, "serving.json: image.std: must be a list of numbers, none of them 0"),
        ({"image": {"scale": "1"}}, "serving.json: image.scale: must be a number, got '1'"),
        ({"image": {"input": ""}}, "serving.json: image.input: must be a string, got ''"),
        ({"scores": {"softmax": 1}}, "serving.json: scores.softmax: must be true or false, got 1"),
        ({"examples": {}}, "serving.json: examples: must be a list, got {}"),
        ({"examples": [3]}, "serving.json: examples[0]: must be an object, got 3"),
        (
            {"examples": [{"input": {}}]},
            "serving.json: examples[0]: unknown key 'input'; did you mean 'inputs'?",
        ),
        (
            {"examples": [{"outputs": {"y": 1}}]},
            "serving.json: examples[0].inputs: must be an object of tensor",
        ),
        ({"examples": [{"image": "a.png"}]}, "serving.json: examples[0].label: must be the label"),
        (
            {"examples": [{"image": "a.png", "label": "x"}]},
            "serving.json: examples[0].image: the bundle has no",
        ),
        (
            {"examples": [{"inputs": {"x": 1}, "outputs": {"y": 1}, "tolerance": -1}]},
            "serving.json: examples[0].tolerance: must be a number of at least 0, got -1",
        ),
        ({"batching": True}, "serving.json: batching: must be an object, got True"),
        (
            {"batching": {"max_batchsize": 8}},
            "serving.json: batching: unknown key 'max_batchsize'; did you mean 'max_batch_size'?",
        ),
        (
            {"batching": {"max_batch_size": 0}},
            "serving.json: batching.max_batch_size: must be a whole number of at least 1, got 0",
        ),
        (
            {"batching": {"max_delay": 2}},
            'serving.json: batching.max_delay: must be a time such as "2ms" or "1s", got 2',
        ),
        (
            {"batching": {"rows_are_independent": 1}},
            "serving.json: batching.rows_are_independent: must be true or false, got 1",
        ),
        ({"batching": {"timeout": "0s"}}, "serving.json: batching.timeout: must be a time longer than 0"),
    ],
)
def test_names_the_key_and_the_cure(tmp_path: Path, value: Any, sentence: str) -> None:
    (tmp_path / "empty.txt").write_bytes(b"\xef\xbb\xbf\r\n")
    assert refusal(value, tmp_path).startswith(sentence)


def test_says_that_the_file_is_not_json(tmp_path: Path) -> None:
    (tmp_path / "serving.json").write_text("{labels: []}")
    with pytest.raises(Refused, match=r"serving\.json: is not JSON"):
        read_bundle(tmp_path)


def test_says_that_a_label_file_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_bytes(b"\xff\xfe")
    assert refusal({"labels": "labels.txt"}, tmp_path) == "serving.json: labels: the file is not UTF-8 text"
