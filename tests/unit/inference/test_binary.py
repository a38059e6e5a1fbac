"""The binary tensor extension, on whatever bytes."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

import models
from inference.errors import BadRequest, ModelFault
from inference.models.execution import Execution
from inference.models.model import Model
from inference.protocol import binary
from inference.protocol.binary import to_array, to_bytes, whole
from inference.protocol.datatypes import BY_NAME, BYTES, Datatype
from inference.protocol.results import classes, encode
from inference.protocol.signature import Signature, TensorSpec
from inference.protocol.tensors import InferRequest, Output, decode

NUMERIC = [datatype for datatype in BY_NAME.values() if datatype is not BYTES]
SHAPES = st.lists(st.integers(0, 5), max_size=4).map(tuple)
HEADERS = st.one_of(st.integers(-3, 200).map(str), st.text(max_size=8))


def identity(datatype: Datatype) -> Signature:
    """A signature of one input x and one output y, of any two dimensions."""
    spec = TensorSpec("x", datatype, (-1, -1))
    return Signature((spec,), (TensorSpec("y", datatype, (-1, -1)),))


def framed(head: dict[str, Any], tail: bytes) -> tuple[bytes, str]:
    text = orjson.dumps(head)
    return text + tail, str(len(text))


def described(datatype: Datatype, shape: tuple[int, ...], size: int, **more: Any) -> dict[str, Any]:
    entry = {"name": "x", "datatype": datatype.name, "shape": shape, "parameters": {"binary_data_size": size}}
    return {"inputs": [entry], **more}


@given(st.sampled_from(NUMERIC), SHAPES, st.data())
def test_numbers_round_trip_exactly(datatype: Datatype, shape: tuple[int, ...], data: Any) -> None:
    size = int(np.prod(shape)) * datatype.dtype.itemsize
    raw = data.draw(st.binary(min_size=size, max_size=size))
    if datatype.name == "BOOL":
        raw = bytes(byte & 1 for byte in raw)
    array = to_array(memoryview(raw), datatype, int(np.prod(shape))).reshape(shape)
    assert array.dtype == datatype.dtype
    assert bytes(to_bytes(array, datatype)) == raw


@given(st.lists(st.text(max_size=20), max_size=20))
def test_strings_round_trip_exactly(strings: list[str]) -> None:
    array = np.array([*strings, None], object)[:-1]
    raw = bytes(to_bytes(array, BYTES))
    assert to_array(memoryview(raw), BYTES, len(strings)).tolist() == strings


@given(st.sampled_from(list(BY_NAME.values())), st.binary(max_size=64), HEADERS)
def test_any_bytes_are_read_or_refused(datatype: Datatype, body: bytes, header: str) -> None:
    with suppress(BadRequest):
        assert set(decode(body, identity(datatype), header).inputs) == {"x"}


@given(
    st.sampled_from(list(BY_NAME.values())),
    st.lists(st.integers(0, 2**40), min_size=2, max_size=2).map(tuple),
    st.integers(-2, 80),
    st.binary(max_size=64),
)
def test_any_shape_and_size_are_read_or_refused(
    datatype: Datatype, shape: tuple[int, ...], size: int, tail: bytes
) -> None:
    body, header = framed(described(datatype, shape, size), tail)
    with suppress(BadRequest):
        request = decode(body, identity(datatype), header)
        assert request.inputs["x"].shape == shape
        assert size == len(tail)


@given(st.binary(max_size=60), st.integers(0, 2**40))
def test_any_lengths_of_strings_are_read_or_refused(raw: bytes, count: int) -> None:
    try:
        array = to_array(memoryview(raw), BYTES, count)
    except ValueError:
        return
    assert bytes(to_bytes(array, BYTES)) == raw


FP32 = BY_NAME["FP32"]


@pytest.mark.parametrize(
    ("head", "tail", "sentence"),
    [
        (described(FP32, (1, 2), 8), 7, "input 'x': binary_data_size is 8, the body has 7 bytes left for it"),
        (described(FP32, (1, 2), 8), 9, "the body has 1 bytes more than its tensors need"),
        (described(FP32, (1, 2), 7), 7, "input 'x': has 7 bytes, 2 elements of FP32 need 8"),
        (described(FP32, (1, 2), -1), 0, "input 'x': binary_data_size: must be a whole number"),
        (described(BYTES, (1, 2), 5), 5, "input 'x': the data ends before element 1 of 2"),
        (described(BY_NAME["BOOL"], (1, 1), 1), 1, "input 'x': only the bytes 0 and 1 are BOOL values"),
        (
            described(FP32, (1, 2), 8, parameters={"binary_data_output": 1}),
            8,
            "the request: binary_data_output",
        ),
        (
            described(FP32, (1, 2), 8, parameters={"triton_x": 1}),
            8,
            "the request: parameter 'triton_x' is res",
        ),
        (described(FP32, (1, 2), 8, parameters={"sequence_id": 7}), 8, "the request: sequence_id: no model"),
        (described(FP32, (1, 2), 8, parameters={"timeout": "1"}), 8, "the request: timeout: must be a whole"),
        (described(FP32, (1, 2), 8, parameters={"x": [1]}), 8, "the request: parameter 'x' must be a string"),
    ],
)
def test_names_the_tensor_expected_and_got(head: dict[str, Any], tail: int, sentence: str) -> None:
    body, header = framed(head, b"\0\0\0\0\7"[:tail] if "BOOL" not in str(head) else b"\2" * tail)
    body += bytes(max(0, int(header) + tail - len(body)))
    datatype = BY_NAME[head["inputs"][0]["datatype"]]
    with pytest.raises(BadRequest) as caught:
        decode(body, identity(datatype), header)
    assert caught.value.message.startswith(sentence)


def test_binary_data_size_needs_the_header() -> None:
    with pytest.raises(BadRequest, match="needs the header Inference-Header-Content-Length"):
        decode(orjson.dumps(described(FP32, (1, 2), 8)), identity(FP32))


def test_a_tensor_is_a_view_of_the_body() -> None:
    body = np.arange(4, dtype=np.float32).tobytes()
    array = to_array(memoryview(body), FP32, 4)
    assert array.flags.aligned
    assert not array.flags.owndata


@pytest.mark.parametrize(
    ("shape", "size", "made"),
    [((2, 3), 24, (2, 3)), ((-1, 3), 24, (2, 3)), ((-1, -1), 24, (1, 6)), ((), 4, ()), ((-1, 0), 0, (0, 0))],
)
def test_a_body_without_json_takes_its_shape_from_its_length(
    shape: tuple[int, ...], size: int, made: tuple[int, ...]
) -> None:
    assert whole(memoryview(bytes(size)), TensorSpec("x", FP32, shape)).shape == made


@pytest.mark.parametrize(("shape", "size"), [((-1, -1, -1), 24), ((-1, 3), 25), ((-1, 0), 4)])
def test_a_body_without_json_that_fits_no_shape_is_refused(shape: tuple[int, ...], size: int) -> None:
    with pytest.raises(ValueError, match=r"bytes"):
        whole(memoryview(bytes(size)), TensorSpec("x", FP32, shape))


def test_a_body_without_json_is_one_string() -> None:
    request = decode("é".encode(), identity(BYTES), "0")
    assert request.inputs["x"].tolist() == [["é"]]
    assert request.outputs == (Output("y", True),)


def test_mixes_json_and_raw_outputs_in_order() -> None:
    spec = [TensorSpec(name, FP32, (-1,)) for name in "abc"]
    request = InferRequest(None, {}, (Output("a", True), Output("b"), Output("c", True)))
    results = {name: np.full(2, number, np.float32) for number, name in enumerate("abc")}
    encoded = encode("m", "v1", request, results, Signature((), tuple(spec)))
    assert encoded.header is not None
    head = orjson.loads(encoded.body[: encoded.header])
    assert head["outputs"][1]["data"] == [1, 1]
    assert [output.get("parameters") for output in head["outputs"]] == [
        {"binary_data_size": 8},
        None,
        {"binary_data_size": 8},
    ]
    assert np.frombuffer(encoded.body[encoded.header :], np.float32).tolist() == [0, 0, 2, 2]


@pytest.mark.parametrize(
    ("array", "labels", "batched", "best"),
    [
        (np.array([[0.25, 0.75]], np.float32), ("a", "b"), True, [["0.750000:1:b", "0.250000:0:a"]]),
        (np.array([[0.25, 0.75]], np.float32), ("a", "b"), False, ["0.750000:1:b", "0.250000:0:a"]),
        (np.array([3, 9], np.uint8), (), False, ["9:1", "3:0"]),
        (np.array([3, 9], np.uint8), ("only",), True, [["3:0:only"], ["9:0:only"]]),
        (np.array([[1, 2], [4, 3]]), (), False, ["4:2", "3:3"]),
        (np.array([[1, 2], [4, 3]]), (), True, [["2:1", "1:0"], ["4:0", "3:1"]]),
        (np.array([[np.nan, -1.0]]), (), True, [["-1.000000:1", "nan:0"]]),
        (np.array(7), (), False, ["7:0"]),
        (np.zeros((0, 3)), (), True, []),
        (np.zeros((2, 0)), (), True, [[], []]),
        (np.zeros(0), (), False, []),
    ],
)
def test_classes_are_value_index_and_label(array: Any, labels: Any, batched: bool, best: Any) -> None:
    assert classes(array, 2, labels, batched=batched).tolist() == best


def test_a_label_is_never_left_out_in_silence() -> None:
    request = InferRequest(None, {}, (Output("y", classes=1),))
    results = {"y": np.zeros((2, 3), np.float32)}
    with pytest.raises(ModelFault, match="output 'y': has 3 classes for the 2 labels") as caught:
        encode("m", "v1", request, results, identity(FP32), lambda _: ("a", "b"))
    assert caught.value.status == 500


@pytest.mark.parametrize(
    ("inputs", "output", "shape"),
    [
        ([(-1, 3)], (-1, 3), [2, 1]),
        ([(-1, 3), (-1,)], (-1, 3), [2, 1]),
        ([(2, 3)], (2, 3), [1]),
        ([(-1, 3)], (2, 3), [1]),
        ([(-1, 3), (1,)], (-1, 3), [1]),
        ([()], (-1, 3), [1]),
    ],
)
def test_only_a_batch_has_its_classes_row_by_row(inputs: Any, output: Any, shape: Any) -> None:
    specs = tuple(TensorSpec(str(place), FP32, one) for place, one in enumerate(inputs))
    signature = Signature(specs, (TensorSpec("y", FP32, output),), (TensorSpec("k", FP32, ()),))
    request = InferRequest(None, {}, (Output("y", classes=1),))
    encoded = encode("m", "v1", request, {"y": np.zeros((2, 3), np.float32)}, signature)
    assert orjson.loads(encoded.body)["outputs"][0]["shape"] == shape


def test_what_is_not_aligned_runs(tmp_path: Path, load_model: Callable[..., Model]) -> None:
    models.identity(tmp_path / "model.onnx")
    model = Model(tmp_path / "model.onnx", Execution(1))
    for pad in range(4):
        body, header = framed({**described(FP32, (1, 2), 8), "pad": "x" * pad}, bytes([0, 0, 128, 63] * 2))
        request = decode(body, model.signature, header)
        assert model.run(request.inputs)["y"].tolist() == [[1, 1]]


def test_splits_at_the_header() -> None:
    text, tail = binary.split(b"{}ab", " 2 ")
    assert bytes(text) == b"{}"
    assert bytes(tail.take(2, "input")) == b"ab"
    tail.end()
