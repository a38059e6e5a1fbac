"""Loading and running."""

import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto

import models
from inference.errors import BadRequest, Refused
from inference.machine.memory import anonymous
from inference.models.execution import Execution
from inference.models.model import Model
from inference.protocol.datatypes import BY_NAME

from .conftest import SINGLE, MakeModel, threads_of

KINDS = {
    "BOOL": TensorProto.BOOL, "UINT8": TensorProto.UINT8, "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32, "UINT64": TensorProto.UINT64, "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16, "INT32": TensorProto.INT32, "INT64": TensorProto.INT64,
    "FP16": TensorProto.FLOAT16, "BF16": TensorProto.BFLOAT16, "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE, "BYTES": TensorProto.STRING,
}  # fmt: skip


def test_knows_every_datatype_of_the_protocol() -> None:
    assert KINDS.keys() == BY_NAME.keys()
    assert {name: BY_NAME[name].number for name in KINDS} == KINDS


@pytest.mark.parametrize("name", sorted(KINDS))
@pytest.mark.parametrize("rows", [0, 1, 3])
def test_runs_every_datatype(load_model: MakeModel, name: str, rows: int) -> None:
    model = load_model(models.identity, KINDS[name])
    (spec,) = model.signature.inputs
    assert (spec.datatype.name, spec.shape) == (name, (-1, 2))
    data: Any = np.arange(rows * 2).reshape(rows, 2) % 2
    array = data.astype(str).astype(object) if name == "BYTES" else data.astype(spec.datatype.dtype)
    result = model.run({"x": array})["y"]
    assert result.dtype == array.dtype
    assert result.tolist() == array.tolist()


def test_runs_only_the_outputs_asked_for(load_model: MakeModel) -> None:
    ones = np.ones((1, 2), np.float32)
    results = load_model(models.add).run({"a": ones, "b": ones}, ["difference"])
    assert {name: array.tolist() for name, array in results.items()} == {"difference": [[0, 0]]}


def test_a_failing_run_is_the_requests_fault(load_model: MakeModel) -> None:
    with pytest.raises(BadRequest, match=r"the model fails on these inputs: .*Gather"):
        load_model(models.pick).run({"x": np.array([9])})


def test_refuses_a_bundle_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"the bundle has no model\.onnx; add it"):
        Model(tmp_path / "model.onnx", SINGLE)


@pytest.mark.parametrize("data", [b"", b"not a model", bytes(1000)])
def test_refuses_what_does_not_parse_without_telling_our_directories(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(data)
    with pytest.raises(Refused, match=r"model\.onnx: onnxruntime cannot load it: ") as caught:
        Model(tmp_path / "model.onnx", SINGLE)
    assert str(tmp_path) not in str(caught.value)


def test_refuses_outputs_that_the_protocol_cannot_carry(load_model: MakeModel) -> None:
    with pytest.raises(Refused, match="convert it with zipmap=False"):
        load_model(models.mapping)


def test_refuses_datatypes_that_the_protocol_does_not_have(load_model: MakeModel) -> None:
    with pytest.raises(Refused, match="input 'x' is tensor"):
        load_model(models.identity, TensorProto.FLOAT8E4M3FN)


@pytest.fixture
def counted(tmp_path: Path) -> tuple[Model, list[str]]:
    """A model, and the list that gets an item when its memory is free."""
    models.identity(tmp_path / "model.onnx")
    freed: list[str] = []
    model = Model(tmp_path / "model.onnx", SINGLE)
    model.released = lambda: freed.append("freed")
    return model, freed


def test_frees_its_memory_when_it_is_closed(counted: tuple[Model, list[str]]) -> None:
    model, freed = counted
    session = weakref.ref(model._session)
    model.close()
    assert (session(), freed) == (None, ["freed"])
    assert not model.acquire()
    model.close()
    assert freed == ["freed"]
    with pytest.raises(RuntimeError, match="the model was closed"):
        model.run({"x": np.zeros((1, 2), np.float32)})


def test_frees_its_memory_when_the_last_that_runs_it_releases_it(counted: tuple[Model, list[str]]) -> None:
    model, freed = counted
    assert model.acquire()
    assert model.acquire()
    model.close()
    model.release()
    assert freed == []
    assert model.run({"x": np.ones((1, 2), np.float32)})["y"].tolist() == [[1, 1]]
    model.release()
    assert freed == ["freed"]


def test_a_run_that_failed_does_not_keep_the_memory(load_model: MakeModel) -> None:
    model = load_model(models.pick)
    session = weakref.ref(model._session)
    with pytest.raises(BadRequest) as caught:
        model.run({"x": np.array([9])})
    model.close()
    assert session() is None
    assert caught.value.__context__ is None


def test_of_many_threads_that_race_with_its_end_one_frees_it(counted: tuple[Model, list[str]]) -> None:
    model, freed = counted
    start = threading.Barrier(5)
    inside = [0] * 4
    wrong: list[str] = []

    def use(at: int) -> None:
        start.wait()
        while model.acquire():
            if freed:
                wrong.append("freed under a lease")
            inside[at] += 1
            model.release()

    users = [threading.Thread(target=use, args=(at,)) for at in range(4)]
    for user in users:
        user.start()
    start.wait()
    while not all(inside):
        pass
    model.close()
    for user in users:
        user.join()
    assert (freed, wrong) == (["freed"], [])


def test_a_model_whose_signature_is_refused_stays_in_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models.mapping(tmp_path / "model.onnx")
    sessions: list[weakref.ref[Any]] = []

    class Session(onnxruntime.InferenceSession):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            sessions.append(weakref.ref(self))

    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    with pytest.raises(Refused) as caught:
        Model(tmp_path / "model.onnx", SINGLE)
    assert "zipmap" in str(caught.value)
    assert [session() for session in sessions] == [None]


def test_gives_back_what_an_unusually_large_run_took(load_model: MakeModel) -> None:
    model = load_model(models.identity)
    small, large = ({"x": np.zeros((rows, 2), np.float32)} for rows in (1, 8 << 20))
    model.run(small)
    before = anonymous()
    model.run(large)
    # What was handed out as outputs goes back with the next one.
    model.run(small)
    assert anonymous() - before < 16 << 20


def test_gives_one_thread_to_runs_that_have_no_cpu_left(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    models.pick(path)
    model = Model(path, Execution(threads=3))
    model.share_cpus()
    with model._place() as first, model._place() as second, model._place() as third:
        assert [threads_of(session) for session in (first, second, third)] == [3, 3, 1]
        assert model.run({"x": np.array([0])}).keys() == {"y"}
    with pytest.raises(BadRequest):
        model.run({"x": np.array([9])})
    with model._place() as session:
        assert threads_of(session) == 3


def test_needs_the_file_once_more_to_share_cpus(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    models.identity(path)
    model = Model(path, Execution(threads=2))
    path.unlink()
    with pytest.raises(Refused, match=r"the bundle has no model\.onnx"):
        model.share_cpus()
