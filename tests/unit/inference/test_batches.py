"""Several requests as one run: the answers are those that each would get alone."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto

import models
from inference.errors import BadRequest, Refused
from inference.models import batches
from inference.models.bundle import Batching
from inference.models.model import Model
from inference.protocol.signature import Signature
from inference.protocol.tensors import InferRequest, Output

from . import graphs
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


@pytest.fixture
def judge(load_model: MakeModel, tmp_path: Path) -> Callable[..., int]:
    """Return a function that tells how many rows may share a run of a model in text form."""

    def run(
        text: str, *examples: dict[str, Any], batching: Batching | None = BATCHING, tolerance: float = 1e-4
    ) -> int:
        model = load_model(graphs.save, text)
        return batches.most_rows(batching, model, tmp_path / "model.onnx", examples, tolerance)

    return run


# With dynamic quantisation one request's answer changed with the others in its run (one scale for all).
QUANTISED = (
    "(int64[N,S] ids) => (float[N,S,2] y) <w = f(4x2)> "
    "{ e = Gather(w, ids) q, s, z = DynamicQuantizeLinear(e) y = DequantizeLinear(q, s, z) }"
)
# As many rows as hits: one client was given the hits of another.
HITS = (
    "(float[N,S] scores) => (float[H] found) <float zero = {0.0}, int64[1] flat = {-1}> "
    "{ hit = Greater(scores, zero) hits = Reshape(hit, flat) found = Compress(scores, hits) }"
)
APART = "(float[N,2] x) => (float[N,2] y) { y = Relu(x) }"
CENTRED = "(float[N,2] x) => (float[N,2] y) <int64[1] a = {0}> { m = ReduceMean(x, a) y = Sub(x, m) }"
PROMISED = replace(BATCHING, rows_are_independent=True)
TWO_ROWS = {"x": np.array([[1, 2], [5, 7]], np.float32)}


def test_no_model_shares_runs_unasked(judge: Callable[..., int]) -> None:
    assert judge(APART, batching=None) == 1


def test_a_model_whose_rows_stay_apart_may_batch(judge: Callable[..., int]) -> None:
    assert judge(APART) == 8
    assert judge(APART, TWO_ROWS) == 8


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("(float[1,2] x) => (float[1,2] y) { y = Relu(x) }", "input 'x' has shape [1, 2]: a batch needs"),
        (QUANTISED, "output 'y': DynamicQuantizeLinear (output 'q'): it computes one scale from all rows"),
        (HITS, "output 'found': Compress (output 'found'): it takes elements from anywhere in the tensor"),
    ],
)
def test_refuses_batching_where_it_would_be_wrong(
    judge: Callable[..., int], text: str, sentence: str
) -> None:
    with pytest.raises(Refused) as caught:
        judge(text)
    assert str(caught.value).startswith(f"serving.json: batching: {sentence}")


def test_says_how_an_author_who_knows_better_can_batch(judge: Callable[..., int]) -> None:
    with pytest.raises(Refused, match=r'Remove `batching`.*add "rows_are_independent": true to it'):
        judge(CENTRED)


def test_a_graph_that_cannot_be_read_is_refused(load_model: MakeModel, tmp_path: Path) -> None:
    model = load_model(graphs.save, APART)
    with pytest.raises(
        Refused, match=r"batching: the graph of model.onnx cannot be read: .* Remove `batching`"
    ):
        batches.most_rows(BATCHING, model, tmp_path / "missing.onnx", ())
    assert batches.most_rows(PROMISED, model, tmp_path / "missing.onnx", ()) == 8


def test_believes_a_promise_that_nothing_contradicts(judge: Callable[..., int]) -> None:
    assert judge(CENTRED, batching=PROMISED) == 8


def test_a_promise_does_not_make_up_for_a_first_dimension_that_is_fixed(judge: Callable[..., int]) -> None:
    with pytest.raises(Refused, match="a batch needs"):
        judge("(float[1,2] x) => (float[1,2] y) { y = Relu(x) }", batching=PROMISED)


def test_examples_can_contradict_a_promise(judge: Callable[..., int]) -> None:
    with pytest.raises(
        Refused, match="output 'y' of a row of the examples is another one when other rows share its run"
    ):
        judge(CENTRED, TWO_ROWS, batching=PROMISED)


def test_rows_may_differ_by_the_tolerance(judge: Callable[..., int]) -> None:
    # So small a part of the other rows could be rounding.
    text = (
        "(float[N,2] x) => (float[N,2] y) <int64[1] a = {0}, float k = {0.0001}> "
        "{ m = ReduceMean(x, a) s = Mul(m, k) y = Sub(x, s) }"
    )
    assert judge(text, TWO_ROWS, batching=PROMISED, tolerance=1e-3) == 8
    with pytest.raises(Refused, match=r"\(tolerance 1e-06\); if only the rounding differs, raise"):
        judge(text, TWO_ROWS, batching=PROMISED, tolerance=1e-6)


def test_rows_of_several_examples_are_tried_together(judge: Callable[..., int]) -> None:
    rows = [{"x": TWO_ROWS["x"][at : at + 1]} for at in range(2)]
    with pytest.raises(Refused, match="when other rows share its run"):
        judge(CENTRED, *rows, batching=PROMISED)


def test_a_single_row_is_tried_beside_itself(judge: Callable[..., int]) -> None:
    twice = "(float[N,2] x) => (float[M,2] y) { y = Concat<axis = 0>(x, x) }"
    with pytest.raises(Refused, match=r"output 'y' has shape \[4, 2\] for 2 rows of the examples"):
        judge(twice, {"x": np.zeros((1, 2), np.float32)}, batching=PROMISED)


def test_a_model_that_fails_on_rows_together_is_refused(judge: Callable[..., int]) -> None:
    single = "(float[N,2] x) => (float[N,2] y) <int64[1] s = {2}> { r = Reshape(x, s) y = Add(x, r) }"
    with pytest.raises(Refused, match="a run of 2 rows of the examples fails"):
        judge(single, {"x": np.zeros((1, 2), np.float32)}, batching=PROMISED)


def test_a_model_that_fails_on_a_row_alone_is_refused(judge: Callable[..., int]) -> None:
    pairs = "(float[N,2] x) => (float[N,2] y) <int64[3] s = {-1, 2, 2}, int64[2] t = {-1, 2}> "
    with pytest.raises(Refused, match="a run of one row of the examples fails, and one of 2 rows does not"):
        judge(pairs + "{ r = Reshape(x, s) y = Reshape(r, t) }", TWO_ROWS, batching=PROMISED)


def test_examples_of_other_shapes_are_tried_apart(signature_of: Callable[..., Signature]) -> None:
    signature = signature_of(graphs.save, "(float[N,S] x) => (float[N,S] y) { y = Relu(x) }")
    examples = [{"x": np.zeros(shape, np.float32)} for shape in ((1, 2), (2, 3), (1, 3), (0, 2), (2, 0))]
    assert [one["x"].shape for one in batches.trials(signature, examples)] == [(2, 2), (3, 3)]


def test_as_many_rows_are_tried_as_a_batch_has(signature_of: Callable[..., Signature]) -> None:
    signature = signature_of(graphs.save, "(float[N,S] x) => (float[N,S] y) { y = Relu(x) }")
    examples = [{"x": np.zeros(shape, np.float32)} for shape in ((5, 1), (3, 2), (4, 3))]
    assert [one["x"].shape for one in batches.trials(signature, examples, 8)] == [(5, 1), (3, 2)]


def test_examples_with_optional_inputs_are_not_tried(signature_of: Callable[..., Signature]) -> None:
    # A request that gives one runs alone.
    signature = signature_of(models.scaled)
    example = {"x": np.zeros(2, np.float32), "k": np.array(3, np.float32)}
    assert list(batches.trials(signature, [example])) == []


@pytest.mark.parametrize(
    ("batching", "examples", "warns"),
    [(None, [], False), (BATCHING, [], False), (PROMISED, [TWO_ROWS], False), (PROMISED, [], True)],
)
def test_warns_of_a_promise_that_nothing_tries(batching: Batching | None, examples: Any, warns: bool) -> None:
    assert bool(batches.untried(batching, examples)) is warns


def test_a_tensor_without_elements_runs_alone() -> None:
    empty = InferRequest(None, {"x": np.zeros((2, 0), np.float32)}, (Output("y"),))
    assert batches.rows(empty) == -1


@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING, TensorProto.BOOL])
def test_takes_batching_of_any_datatype(load_model: MakeModel, tmp_path: Path, kind: int) -> None:
    model = load_model(models.identity, kind)
    assert batches.most_rows(BATCHING, model, tmp_path / "model.onnx", ()) == 8


def test_names_the_tensor_whose_first_dimension_is_fixed(signature_of: Callable[..., Signature]) -> None:
    assert batches.fixed(signature_of(models.add)) is None
    assert batches.fixed(signature_of(models.classifier, 0, 4)) == "input 'image' has shape [4, 1, 8, 8]"
