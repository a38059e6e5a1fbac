"""The Open Inference Protocol's JSON."""

from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
import pytest

import models
from inference.errors import BadRequest
from inference.models.batches import rows
from inference.protocol.results import encode
from inference.protocol.signature import Signature
from inference.protocol.tensors import InferRequest, Output, decode

MakeSignature = Callable[..., Signature]


@pytest.fixture
def two(signature_of: MakeSignature) -> Signature:
    """Inputs a and b, outputs total and difference, all FP32 [N, 2]."""
    return signature_of(models.add)


def tensor(called: str, **changes: Any) -> dict[str, Any]:
    return {"name": called, "shape": [1, 2], "datatype": "FP32", "data": [1, 2]} | changes


def read(signature: Signature, *inputs: Any, **more: Any) -> InferRequest:
    return decode(orjson.dumps({"inputs": list(inputs), **more}), signature)


def refusal(signature: Signature, *inputs: Any, **more: Any) -> str:
    with pytest.raises(BadRequest) as caught:
        read(signature, *inputs, **more)
    return caught.value.message


def test_reads_flat_and_nested_data(two: Signature) -> None:
    request = read(two, tensor("a"), tensor("b", data=[[3, 4]]))
    assert request.inputs["a"].tolist() == [[1, 2]]
    assert request.inputs["b"].tolist() == [[3, 4]]
    assert request.outputs == (Output("total"), Output("difference"))


def test_reads_tensors_without_elements(two: Signature) -> None:
    request = read(two, tensor("a", shape=[0, 2], data=[]), tensor("b", shape=[0, 2], data=[]))
    assert request.inputs["a"].shape == (0, 2)


def test_ignores_keys_that_it_does_not_know(two: Signature) -> None:
    request = read(two, tensor("a", color="red"), tensor("b"), model_name="x", parameters={"priority": 1})
    assert set(request.inputs) == {"a", "b"}


def test_gives_the_outputs_in_the_order_asked_for(two: Signature) -> None:
    outputs = [{"name": "difference"}, {"name": "total"}]
    asked = read(two, tensor("a"), tensor("b"), outputs=outputs)
    assert asked.outputs == (Output("difference"), Output("total"))
    assert read(two, tensor("a"), tensor("b"), outputs=[]).outputs == (Output("total"), Output("difference"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"datatype": "FP64"}, "input 'a': datatype is FP64, the model takes FP32"),
        ({"datatype": "float"}, "input 'a': datatype is 'float', which the protocol does not know"),
        ({"datatype": None}, "input 'a': datatype is missing"),
        ({"datatype": ["FP32"]}, "input 'a': datatype is ['FP32'], which the protocol does not know"),
        ({"shape": [1, 3]}, "input 'a': shape is [1, 3], the model takes [-1, 2]"),
        ({"shape": [2]}, "input 'a': shape is [2], the model takes [-1, 2]"),
        ({"shape": [-1, 2]}, "input 'a': shape must be a list of whole numbers"),
        ({"shape": [True, 2]}, "input 'a': shape must be a list of whole numbers"),
        ({"shape": None}, "input 'a': shape must be a list of whole numbers"),
        (
            {"shape": [10**12, 2]},
            "input 'a': data has 2 elements, shape [1000000000000, 2] needs 2000000000000",
        ),
        ({"data": [1, 2, 3]}, "input 'a': data has 3 elements, shape [1, 2] needs 2"),
        ({"data": [[1], [2]]}, "input 'a': data is nested as [2, 1], shape says [1, 2]"),
        ({"data": [1, "2"]}, "input 'a': \"2\" is no FP32 value"),
        ({"data": None}, "input 'a': data is missing"),
        ({"data": [1, None, None]}, "input 'a': data has 3 elements"),
        ({"parameters": {"binary_data_size": 8}}, "input 'a': has both data and binary_data_size"),
        ({"parameters": 3}, "input 'a': parameters must be an object"),
        ({"name": "c"}, "input 'c': the model has no such input; it takes a, b"),
        ({"name": "b"}, "input 'b': given twice"),
        ({"name": 7}, "inputs: every entry needs a name"),
    ],
)
def test_names_the_tensor_and_what_was_expected(
    two: Signature, change: dict[str, Any], sentence: str
) -> None:
    assert refusal(two, tensor("a", **change), tensor("b")).startswith(sentence)


def test_says_which_inputs_are_missing(two: Signature) -> None:
    assert refusal(two, tensor("b")) == "inputs: missing a; the model takes a, b"
    assert refusal(two) == "inputs: missing a, b; the model takes a, b"


def test_says_that_data_is_missing(two: Signature) -> None:
    without = tensor("a")
    del without["data"]
    assert refusal(two, without, tensor("b")) == "input 'a': data is missing"


@pytest.mark.parametrize(
    ("outputs", "sentence"),
    [
        ([{"name": "sum"}], "output 'sum': the model has no such output; it gives total, difference"),
        ([{"name": "total"}, {"name": "total"}], "output 'total': asked for twice"),
        ([{}], "outputs: every entry needs a name"),
        ("total", "outputs: must be a list of objects"),
        (
            [{"name": "total", "parameters": {"classification": -2}}],
            "output 'total': classification: must be a whole number",
        ),
    ],
)
def test_says_what_is_wrong_with_requested_outputs(two: Signature, outputs: Any, sentence: str) -> None:
    assert refusal(two, tensor("a"), tensor("b"), outputs=outputs).startswith(sentence)


@pytest.mark.parametrize("identity", [7, ["x"], {}, True])
def test_an_id_is_a_string(two: Signature, identity: Any) -> None:
    assert refusal(two, tensor("a"), tensor("b"), id=identity) == "id: must be a string"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 50, b'{"inputs": NaN}'])
def test_says_that_the_body_is_not_json(two: Signature, body: bytes) -> None:
    with pytest.raises(BadRequest, match="the body is not JSON"):
        decode(body, two)


@pytest.mark.parametrize("body", [b"[]", b"3", b"null"])
def test_says_that_the_body_must_be_an_object(two: Signature, body: bytes) -> None:
    with pytest.raises(BadRequest, match="must be a JSON object"):
        decode(body, two)


@pytest.mark.parametrize("inputs", [{}, "x", [1], None])
def test_says_that_inputs_are_a_list(two: Signature, inputs: Any) -> None:
    with pytest.raises(BadRequest, match="inputs: must be a list of objects"):
        decode(orjson.dumps({"inputs": inputs}), two)


def test_reads_null_as_nan(two: Signature) -> None:
    data = read(two, tensor("a", data=[None, 2]), tensor("b", data=[[3, None]])).inputs
    assert np.isnan(data["a"]).tolist() == [[True, False]]
    assert np.isnan(data["b"]).tolist() == [[False, True]]


def test_an_input_with_a_default_may_be_left_out(signature_of: MakeSignature) -> None:
    scaled = signature_of(models.scaled)
    x = {"name": "x", "datatype": "FP32", "shape": [1], "data": [1]}
    k = {"name": "k", "datatype": "FP32", "shape": [], "data": [5]}
    assert set(read(scaled, x).inputs) == {"x"}
    assert read(scaled, x, k).inputs["k"].tolist() == 5
    assert not read(scaled, x).alone
    assert read(scaled, x, k).alone
    assert rows(read(scaled, x, k)) == -1
    assert refusal(scaled, k) == "inputs: missing x; the model takes x (optional: k)"
    assert refusal(scaled, x, k, k) == "input 'k': given twice"
    assert refusal(scaled, x, k | {"shape": [1]}) == "input 'k': shape is [1], the model takes [] (-1: any)"
    assert refusal(scaled, x | {"name": "q"}).endswith("it takes x (optional: k)")


def test_tells_infinities_from_nan(two: Signature) -> None:
    total = np.array([[np.nan, np.inf], [-np.inf, np.inf]], np.float32)
    request = InferRequest(None, {}, (Output("total"), Output("difference")))
    results = {"total": total, "difference": np.array([[np.nan, 1]], np.float32)}
    first, second = orjson.loads(encode("m", "v1", request, results, two).body)["outputs"]
    assert first["data"] == [None] * 4
    assert first["parameters"] == {"positive_infinity": "1,3", "negative_infinity": "2"}
    assert "parameters" not in second


def test_raw_outputs_have_infinities_themselves(two: Signature) -> None:
    request = InferRequest(None, {}, (Output("total", True), Output("difference")))
    results = {name: np.array([[np.inf, 1]], np.float32) for name in ("total", "difference")}
    encoded = encode("m", "v1", request, results, two)
    assert encoded.header is not None
    raw, text = orjson.loads(encoded.body[: encoded.header])["outputs"]
    assert raw["parameters"] == {"binary_data_size": 8}
    assert text["parameters"] == {"positive_infinity": "0"}
    assert np.frombuffer(encoded.body[encoded.header :], np.float32).tolist() == [np.inf, 1]


def test_echoes_the_id_and_names_model_and_version(two: Signature) -> None:
    results = {"total": np.array([[3, np.nan]], np.float32)}
    request = InferRequest("7", {}, (Output("total"),))
    answer = orjson.loads(encode("sums", "v1", request, results, two).body)
    output = {"name": "total", "datatype": "FP32", "shape": [1, 2], "data": [3.0, None]}
    assert answer == {"model_name": "sums", "model_version": "v1", "id": "7", "outputs": [output]}


def test_leaves_out_an_id_that_was_not_given(two: Signature) -> None:
    answer = orjson.loads(encode("sums", "v1", InferRequest(None, {}, ()), {}, two).body)
    assert "id" not in answer
