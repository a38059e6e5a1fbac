"""The walk over a whole model: functions, files, limits, and graphs that nobody wrote."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

import models
from inference.models.graph import onnx_file
from inference.models.graph.walk import why_mixed

from .graphs import assert_rows_apart, save
from .random_graphs import random_graph

FUNCTIONS = (
    '<domain: "custom", opset_import: ["": 21]> scaled <k> (a) => (b) '
    "{ s = Constant<value_float: float = @k>() b = Mul(a, s) } "
    '<domain: "custom", opset_import: ["": 21]> normal <axis> (a) => (b) '
    "{ b = Softmax<axis: int = @axis>(a) } "
    '<domain: "custom", opset_import: ["": 21, "custom": 1]> twice (a) => (b) '
    "{ t = custom.scaled<k = 2.0>(a) b = custom.scaled<k = 0.5>(t) }"
)


def test_follows_functions_of_the_model(tmp_path: Path) -> None:
    text = "(float[N,4] x) => (float[N,4] y) { t = custom.twice(x) y = custom.normal<axis = 1>(t) }"
    save(tmp_path / "model.onnx", text, functions=FUNCTIONS)
    assert why_mixed(tmp_path / "model.onnx") is None
    assert_rows_apart(tmp_path / "model.onnx")


def test_reads_the_attributes_that_a_call_gives_to_a_function(tmp_path: Path) -> None:
    text = "(float[N,4] x) => (float[N,4] y) { y = custom.normal<axis = 0>(x) }"
    save(tmp_path / "model.onnx", text, functions=FUNCTIONS)
    assert "Softmax (output 'b'): it normalises along dimension 0" in (
        why_mixed(tmp_path / "model.onnx") or ""
    )


def test_refuses_a_function_that_calls_itself(tmp_path: Path) -> None:
    text = "(float[N,4] x) => (float[N,4] y) { y = custom.again(x) }"
    again = '<domain: "custom", opset_import: ["custom": 1]> again (a) => (b) { b = custom.again(a) }'
    save(tmp_path / "model.onnx", text, functions=again)
    assert f"deeper than {onnx_file.MAX_DEPTH}" in (why_mixed(tmp_path / "model.onnx") or "")


def test_names_the_node(tmp_path: Path) -> None:
    save(tmp_path / "model.onnx", "(float[N,4] x) => (float[N,4] y) { y = Softmax<axis = 0>(x) }")
    model = onnx.load(tmp_path / "model.onnx")
    model.graph.node[0].name = "head/softmax"
    onnx.save(model, tmp_path / "model.onnx")
    words = "output 'y': Softmax (node 'head/softmax', output 'y'): it normalises along dimension 0"
    assert (why_mixed(tmp_path / "model.onnx") or "").startswith(words)


RESHAPED = (
    "(float[N,2,4] x) => (float[N,2] y) <int64[2] s = {-1, 8}, w = f(8x2)> "
    "{ r = Reshape(x, s) y = MatMul(r, w) }"
)


@pytest.mark.parametrize("threshold", [0, 64])
def test_reads_small_constants_beside_the_model(tmp_path: Path, threshold: int) -> None:
    save(tmp_path / "model.onnx", RESHAPED)
    model = onnx.load(tmp_path / "model.onnx")
    # The parser keeps numbers one by one, and those are never moved out of the model.
    for constant in model.graph.initializer:
        constant.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(constant), constant.name))
    onnx.save(
        model,
        tmp_path / "model.onnx",
        save_as_external_data=True,
        location="data",
        size_threshold=threshold,
    )
    assert why_mixed(tmp_path / "model.onnx") is None
    if threshold:
        # onnxruntime does not read the shape of a Reshape from another file.
        assert_rows_apart(tmp_path / "model.onnx")


@pytest.mark.parametrize("location", ["/etc/passwd", "../data", "missing", ""])
def test_reads_no_constant_outside_the_bundle(tmp_path: Path, location: str) -> None:
    (tmp_path / "data").write_bytes(np.array([-1, 8], np.int64).tobytes())
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    save(bundle / "model.onnx", RESHAPED)
    model = onnx.load(bundle / "model.onnx")
    shape = next(one for one in model.graph.initializer if one.name == "s")
    shape.ClearField("int64_data")
    shape.data_location = TensorProto.EXTERNAL
    shape.external_data.add(key="location", value=location)
    onnx.save(model, bundle / "model.onnx")
    assert "Reshape (output 'r'): the new shape does not change" in (why_mixed(bundle / "model.onnx") or "")


def test_a_default_of_an_input_is_a_constant(tmp_path: Path) -> None:
    models.scaled(tmp_path / "model.onnx")
    assert why_mixed(tmp_path / "model.onnx") is None


def test_an_input_without_dimensions_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "model.onnx", "(float[N] x, float k) => (float[N] y) { y = Mul(x, k) }")
    assert why_mixed(tmp_path / "model.onnx") == "input 'k' has no dimension for the rows"


@given(seed=st.integers(0, 2**32))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_never_accepts_a_graph_that_mixes_rows(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "model.onnx"
    random = np.random.default_rng(seed)
    onnx.save(random_graph(random), path)
    if why_mixed(path) is None:
        _assert_same_if_it_runs(path, random)


def _assert_same_if_it_runs(path: Path, random: np.random.Generator) -> None:
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    # As it is written, with the nodes that nobody uses.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        rows = int(random.integers(2, 7))
        inputs = {
            spec.name: random.standard_normal(
                [
                    rows,
                    *(one if isinstance(one, int) else int(random.integers(1, 4)) for one in spec.shape[1:]),
                ]
            ).astype(np.float32)
            for spec in session.get_inputs()
        }
        (together,) = session.run(None, inputs)
    except Exception:  # the walk need not know what onnxruntime refuses
        return
    assert together.shape[0] == rows
    for at in range(rows):
        (alone,) = session.run(None, {name: array[at : at + 1] for name, array in inputs.items()})
        np.testing.assert_allclose(together[at : at + 1], alone, 1e-4, 1e-5)


def test_a_graph_of_many_nodes_is_followed(tmp_path: Path) -> None:
    nodes = [helper.make_node("Relu", [f"t{at}"], [f"t{at + 1}"]) for at in range(20_000)]
    x, y = (models.value(name, TensorProto.FLOAT, ["N", 2]) for name in ("t0", "t20000"))
    models.save(tmp_path / "model.onnx", nodes, [x], [y], [])
    assert why_mixed(tmp_path / "model.onnx") is None
