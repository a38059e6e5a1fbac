"""The binary framing against tritonclient's own writer and reader, and against whatever changes it."""

from contextlib import suppress
from typing import Any

import numpy as np
import tritonclient.http as triton  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from inference.errors import BadRequest
from inference.protocol.datatypes import BY_NAME, BYTES, Datatype
from inference.protocol.results import encode
from inference.protocol.signature import Signature, TensorSpec
from inference.protocol.tensors import InferRequest, Output, decode
from inference.protocol.values import Array

# This client takes and gives BF16 as FP32.
DATATYPES = [datatype for datatype in BY_NAME.values() if datatype.name != "BF16"]
SHAPES = st.lists(st.integers(0, 4), max_size=3).map(tuple)


@st.composite
def tensors(draw: Any) -> dict[str, tuple[Datatype, Array]]:
    """Some tensors of any datatypes and shapes, by name."""
    chosen = draw(st.lists(st.sampled_from(DATATYPES), min_size=1, max_size=4))
    return {f"t{at}": (datatype, draw(array(datatype))) for at, datatype in enumerate(chosen)}


def array(datatype: Datatype) -> st.SearchStrategy[Array]:
    if datatype is BYTES:
        return arrays.arrays(object, SHAPES, elements=st.text(max_size=6), fill=st.nothing())
    return arrays.arrays(datatype.dtype, SHAPES)


def signature(named: dict[str, tuple[Datatype, Array]]) -> Signature:
    specs = tuple(TensorSpec(name, datatype, (-1,) * a.ndim) for name, (datatype, a) in named.items())
    return Signature(specs, specs)


def written(named: dict[str, tuple[Datatype, Array]], raw: list[bool]) -> tuple[bytes, str | None]:
    """What the client sends: its body, and the header."""
    inputs = []
    for (name, (datatype, a)), is_raw in zip(named.items(), raw, strict=False):
        tensor = triton.InferInput(name, list(a.shape), datatype.name)
        # As JSON it has no NaN and no FP16.
        finite = datatype is BYTES or bool(np.isfinite(a).all())
        tensor.set_data_from_numpy(a, binary_data=is_raw or not finite or datatype.name == "FP16")
        inputs.append(tensor)
    body, length = triton.InferenceServerClient.generate_request_body(inputs)
    return body, None if length is None else str(length)


RAW = st.lists(st.booleans(), min_size=4, max_size=4)


def assert_same(given: Array, got: Array, datatype: Datatype) -> None:
    assert (got.dtype, got.shape) == (given.dtype, given.shape)
    if datatype is BYTES:
        assert got.tolist() == given.tolist()
    else:
        assert got.tobytes() == given.tobytes()


@given(tensors(), RAW)
def test_reads_what_the_client_writes(named: dict[str, tuple[Datatype, Array]], raw: list[bool]) -> None:
    body, header = written(named, raw)
    request = decode(body, signature(named), header)
    assert request.inputs.keys() == named.keys()
    for name, (datatype, a) in named.items():
        assert_same(a, request.inputs[name], datatype)


@given(tensors(), RAW)
def test_the_client_reads_what_we_write(named: dict[str, tuple[Datatype, Array]], raw: list[bool]) -> None:
    outputs = tuple(Output(name, is_raw) for name, is_raw in zip(named, raw, strict=False))
    results = {name: a for name, (_, a) in named.items()}
    encoded = encode("m", "v1", InferRequest("7", {}, outputs), results, signature(named))
    answer = triton.InferResult.from_response_body(encoded.body, header_length=encoded.header)
    for output in outputs:
        datatype, a = named[output.name]
        got = answer.as_numpy(output.name)
        if datatype is BYTES:
            got = np.array([text(item) for item in got.flat] + [None], object)[:-1].reshape(got.shape)
        if output.binary and a.size:  # it gives any empty one as FP64
            assert_same(a, got, datatype)
        elif datatype is BYTES or np.isfinite(a).all():
            assert got.tolist() == a.tolist()


def text(item: str | bytes) -> str:
    return item.decode() if isinstance(item, bytes) else item


@given(tensors(), st.integers(1, 300), st.binary(min_size=1, max_size=20))
def test_a_body_that_was_cut_or_goes_on_is_refused(
    named: dict[str, tuple[Datatype, Array]], cut: int, more: bytes
) -> None:
    body, header = written(named, [True] * 4)
    for wrong in (body[: -min(cut, len(body))], body + more):
        with suppress(BadRequest):
            decode(wrong, signature(named), header)
            raise AssertionError(wrong)


@given(tensors(), st.integers(-300, 300).filter(bool))
def test_a_split_at_any_other_place_is_refused(named: dict[str, tuple[Datatype, Array]], shift: int) -> None:
    body, header = written(named, [True] * 4)
    with suppress(BadRequest):
        decode(body, signature(named), str(int(header or "0") + shift))
        raise AssertionError(shift)


@given(tensors(), st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_body_with_any_bytes_changed_is_refused_or_read_as_the_model_takes_it(
    named: dict[str, tuple[Datatype, Array]], changes: list[tuple[int, int]]
) -> None:
    body, header = written(named, [True] * 4)
    changed = bytearray(body)
    for at, byte in changes:
        changed[at % len(changed)] = byte
    with suppress(BadRequest):
        request = decode(bytes(changed), signature(named), header)
        for name, (datatype, a) in named.items():
            assert request.inputs[name].dtype == datatype.dtype
            assert request.inputs[name].ndim == a.ndim
