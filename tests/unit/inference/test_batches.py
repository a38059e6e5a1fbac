"""Several requests as one run: the answers are those that each would get alone."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

import models
from inference.errors import BadRequest, Refused
from inference.models import batches
from inference.models.bundle import Batching
from inference.models.model import Model
from inference.protocol.signature import Signature
from inference.protocol.tensors import InferRequest, Output

from .conftest import MakeModel

BATCHING = Batching(max_batch_size=8, max_delay=0.0, max_queue=8, timeout=1.0)


def request(rows: int, seed: int = 0, wanted: tuple[str, ...] = ("total", "difference")) -> InferRequest:
    random = np.random.default_rng(seed)
    inputs = {name: random.random((rows, 2), np.float32) for name in ("a", "b")}
    return InferRequest(None, inputs, tuple(Output(name) for name in wanted))


@given(
    sizes=st.lists(st.integers(0, 12), max_size=20),
    wanted=st.lists(st.sampled_from([("total",), ("difference",), ("total", "difference")]), min_size=20),
    most=st.integers(2, 10),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_answer_is_what_it_would_be_alone(
    sum_model: Model, sizes: list[int], wanted: list[tuple[str, ...]], most: int
) -> None:
    requests = [request(size, at, wanted[at]) for at, size in enumerate(sizes)]
    groups = list(batches.plan(requests, most))
    assert sorted(place for group in groups for place in group) == list(range(len(sizes)))
    for group in groups:
        together = [requests[place] for place in group]
        rows = [batches.rows(one) for one in together]
        assert len(group) == 1 or sum(rows) <= most
        names = [output.name for output in together[0].outputs]
        parts = batches.split(sum_model.run(batches.join(together), names), rows)
        for one, part in zip(together, parts, strict=True):
            alone = sum_model.run(one.inputs, [output.name for output in one.outputs])
            assert list(part) == list(alone)
            for name, array in alone.items():
                np.testing.assert_array_equal(part[name], array)


@pytest.fixture
def sum_model(load_model: MakeModel) -> Model:
    return load_model(models.add)


def test_inputs_that_differ_in_their_rows_run_alone() -> None:
    odd = request(1)
    odd.inputs["b"] = np.zeros((2, 2), np.float32)
    assert list(batches.plan([request(1), odd, request(1)], 8)) == [[1], [0, 2]]


def test_other_shapes_and_types_run_apart() -> None:
    def only(array: Any) -> InferRequest:
        return InferRequest(None, {"x": array}, (Output("y"),))

    wide, narrow = np.zeros((1, 3), np.float32), np.zeros((1, 2), np.float32)
    requests = [only(wide), only(narrow), only(wide), only(narrow.astype(np.float64))]
    assert sorted(batches.plan(requests, 8)) == [[0, 2], [1], [3]]


def test_an_output_with_other_rows_is_not_taken_apart() -> None:
    with pytest.raises(BadRequest, match=r"output 'y' has shape \[2\] for 3 rows"):
        batches.split({"y": np.zeros(2)}, [1, 2])


def mixing(path: Path) -> None:
    """`y = softmax(x)` over the rows."""
    nodes = [helper.make_node("Softmax", ["x"], ["y"], axis=0)]
    shape = ["N", 2]
    x, y = (models.value(name, TensorProto.FLOAT, shape) for name in ("x", "y"))
    models.save(path, nodes, [x], [y], [])


def doubling(path: Path) -> None:
    """`y` is `x` twice."""
    nodes = [helper.make_node("Concat", ["x", "x"], ["y"], axis=0)]
    x, y = (models.value(name, TensorProto.FLOAT, [rows, 2]) for name, rows in (("x", "N"), ("y", "M")))
    models.save(path, nodes, [x], [y], [])


def picky(path: Path) -> None:
    """`y` is `x` in rows of seven, which no made-up row is."""
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["y"])]
    shape = models.weights("shape", np.array([-1, 7], np.int64))
    x, y = (models.value(name, TensorProto.FLOAT, ["N", "M"]) for name in ("x", "y"))
    models.save(path, nodes, [x], [y], [shape])


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            partial(models.identity, shape=(1, 2)),
            "input 'x' has shape [1, 2]: a batch needs",
        ),
        (models.slow, "input 'rounds' has shape []"),
        (mixing, "output 'y' of a row depends on the other rows"),
        (doubling, "output 'y' has shape [12, 2] for 6 rows"),
        (picky, "it fails on made-up inputs; give an example with tensors"),
    ],
)
def test_refuses_batching_where_it_would_be_wrong(
    load_model: MakeModel, make: Callable[[Path], None], sentence: str
) -> None:
    with pytest.raises(Refused) as caught:
        batches.most_rows(BATCHING, load_model(make), (), quick=True)
    assert str(caught.value).startswith(f"serving.json: batching: {sentence}")


@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING, TensorProto.BOOL])
def test_takes_batching_of_any_datatype(load_model: MakeModel, kind: int) -> None:
    assert batches.most_rows(BATCHING, load_model(models.identity, kind), (), quick=False) == 8


def test_tries_the_examples_where_made_up_rows_do_not_fit(load_model: MakeModel) -> None:
    fits = {"x": np.arange(14, dtype=np.float32).reshape(2, 7)}
    assert batches.most_rows(BATCHING, load_model(picky), [fits], quick=False) == 8


def test_batches_unasked_only_what_may_be(load_model: MakeModel) -> None:
    assert batches.most_rows(None, load_model(mixing), (), quick=True) == 1
    assert batches.most_rows(None, load_model(models.slow), (), quick=True) == 1
    assert batches.most_rows(None, load_model(models.add), (), quick=True) == batches.MAX_ROWS
    assert batches.most_rows(None, load_model(models.add), (), quick=False) == 1


def test_names_the_tensor_whose_first_dimension_is_fixed(signature_of: Callable[..., Signature]) -> None:
    assert batches.fixed(signature_of(models.add)) is None
    assert batches.fixed(signature_of(models.classifier, 0, 4)) == "input 'image' has shape [4, 1, 8, 8]"
