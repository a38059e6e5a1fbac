"""How an ONNX file is read without its weights."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import models
from inference.errors import Refused
from inference.models.graph import fields, onnx_file, tensor, wire
from inference.models.graph.onnx_file import open_model
from inference.models.graph.walk import why_mixed
from inference.models.graph.wire import Message

MESSAGES = {
    "MODEL": onnx.ModelProto,
    "GRAPH": onnx.GraphProto,
    "NODE": onnx.NodeProto,
    "ATTRIBUTE": onnx.AttributeProto,
    "FUNCTION": onnx.FunctionProto,
    "OPSET": onnx.OperatorSetIdProto,
    "VALUE_INFO": onnx.ValueInfoProto,
    "TYPE": onnx.TypeProto,
    "TENSOR_TYPE": onnx.TypeProto.Tensor,
    "SHAPE": onnx.TensorShapeProto,
    "DIMENSION": onnx.TensorShapeProto.Dimension,
    "TENSOR": onnx.TensorProto,
    "ENTRY": onnx.StringStringEntryProto,
}


@pytest.mark.parametrize("name", MESSAGES)
def test_fields_have_the_numbers_that_onnx_gives_them(name: str) -> None:
    known = {one.name: one.number for one in MESSAGES[name].DESCRIPTOR.fields}  # type: ignore[attr-defined]
    assert getattr(fields, name).items() <= known.items()


def read(message: Any, directory: Path) -> tensor.Tensor:
    data = message.SerializeToString()
    return tensor.read_tensor(Message(data, 0, len(data)), directory)


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?"])
@pytest.mark.parametrize("raw", [True, False])
def test_reads_the_numbers_of_small_constants(tmp_path: Path, dtype: str, raw: bool) -> None:
    array = np.array([[1, 0, 3], [1, 1, 0]], dtype)
    if raw:
        message = numpy_helper.from_array(array, "t")
    else:
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        message = helper.make_tensor("t", kind, array.shape, array.ravel().tolist())
    found = read(message, tmp_path)
    assert (found.name, found.dims) == ("t", [2, 3])
    values = found.values()
    assert values is not None
    assert values.dtype == array.dtype
    np.testing.assert_array_equal(values, array)


def test_reads_negative_numbers(tmp_path: Path) -> None:
    values = read(helper.make_tensor("t", TensorProto.INT64, [2], [-1, -(2**63)]), tmp_path).values()
    assert values is not None
    assert values.tolist() == [-1, -(2**63)]


def test_reads_no_numbers_of_large_constants(tmp_path: Path) -> None:
    for extra, known in ((0, True), (1, False)):
        array = np.zeros(tensor.MAX_ELEMENTS + extra, np.int64)
        assert (read(numpy_helper.from_array(array, "t"), tmp_path).values() is not None) is known
        typed = helper.make_tensor("t", TensorProto.INT64, array.shape, array.tolist())
        assert (read(typed, tmp_path).values() is not None) is known


def test_reads_no_strings(tmp_path: Path) -> None:
    assert (
        read(TensorProto(dims=[1], data_type=TensorProto.STRING, string_data=[b"a"]), tmp_path).values()
        is None
    )


def test_a_constant_with_too_few_bytes_has_no_numbers(tmp_path: Path) -> None:
    message = numpy_helper.from_array(np.zeros(3, np.int64), "t")
    message.raw_data = message.raw_data[:-1]
    assert read(message, tmp_path).values() is None


def test_a_file_with_too_many_nodes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models.add(tmp_path / "model.onnx")
    monkeypatch.setattr(onnx_file, "MAX_NODES", 2)
    assert why_mixed(tmp_path / "model.onnx") is None
    monkeypatch.setattr(onnx_file, "MAX_NODES", 1)
    with pytest.raises(Refused, match="it has more than 1 nodes"):
        why_mixed(tmp_path / "model.onnx")


@pytest.mark.parametrize("name", ["floats", "ints"])
def test_lists_of_attributes_have_a_limit(tmp_path: Path, name: str) -> None:
    for count, fits in ((wire.MAX_NUMBERS, True), (wire.MAX_NUMBERS + 1, False)):
        node = helper.make_node("Odd", ["x"], ["y"], floats=[0.5] * count, ints=[1] * count)
        shape = models.value("x", TensorProto.FLOAT, ["N"]), models.value("y", TensorProto.FLOAT, ["N"])
        models.save(tmp_path / "model.onnx", [node], [shape[0]], [shape[1]], [])
        with open_model(tmp_path / "model.onnx") as file:
            attribute = file.graph.nodes[0].attributes[name]
            get = attribute.reals if name == "floats" else attribute.integers
            if fits:
                assert len(get()) == count
            else:
                with pytest.raises(Refused, match="too many numbers"):
                    get()


def test_names_have_a_limit(tmp_path: Path) -> None:
    for length, fits in ((wire.MAX_TEXT, True), (wire.MAX_TEXT + 1, False)):
        shape = (
            models.value("x", TensorProto.FLOAT, ["N"]),
            models.value("y" * length, TensorProto.FLOAT, ["N"]),
        )
        node = helper.make_node("Relu", ["x"], ["y" * length])
        models.save(tmp_path / "model.onnx", [node], [shape[0]], [shape[1]], [])
        if fits:
            assert why_mixed(tmp_path / "model.onnx") is None
        else:
            with pytest.raises(Refused, match=f"the limit is {wire.MAX_TEXT}"):
                why_mixed(tmp_path / "model.onnx")


@pytest.mark.parametrize("length", [1, 7, 40, 100])
def test_a_file_that_ends_early_is_refused_or_has_no_rows(tmp_path: Path, length: int) -> None:
    path = tmp_path / "model.onnx"
    models.add(path)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(Refused, match=r"the graph of model.onnx cannot be read"):
        why_mixed(path)


@pytest.mark.parametrize("data", [b"", b"\xff" * 20, b"\x3b", b"\x3a\xff\xff\xff\xff\x0f"])
def test_what_is_no_model_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(data)
    with pytest.raises(Refused, match=r"the graph of model.onnx cannot be read"):
        why_mixed(tmp_path / "model.onnx")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="No such file"):
        why_mixed(tmp_path / "model.onnx")


def test_sparse_constants_are_refused(tmp_path: Path) -> None:
    models.add(tmp_path / "model.onnx")
    model = onnx.load(tmp_path / "model.onnx")
    model.graph.sparse_initializer.add()
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(Refused, match="sparse constants"):
        why_mixed(tmp_path / "model.onnx")


def test_weights_inside_the_model_are_not_read_into_memory(tmp_path: Path) -> None:
    models.big(tmp_path / "model.onnx", 64, 0)
    before = peak()
    assert why_mixed(tmp_path / "model.onnx") is None
    assert peak() - before < 4 << 20


def peak() -> int:
    """Return the bytes of memory of this process that are no file's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("RssAnon"))
