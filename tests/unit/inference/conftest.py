"""What unit tests of the server share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inference.models.execution import Execution
from inference.models.model import Model
from inference.protocol.signature import Signature

MakeModel = Callable[..., Model]
SINGLE = Execution(threads=1)


def threads_of(session: Any) -> int:
    """How many threads a run of a session of onnxruntime has."""
    return int(session.get_session_options().intra_op_num_threads)


@pytest.fixture
def load_model(tmp_path: Path) -> MakeModel:
    """Make a model by a function of `models`, and load it."""

    def load(make: Callable[..., None], *arguments: Any) -> Model:
        path = tmp_path / "model.onnx"
        make(path, *arguments)
        return Model(path, SINGLE)

    return load


@pytest.fixture
def signature_of(load_model: MakeModel) -> Callable[..., Signature]:
    """Make a model by a function of `models`, and return its signature."""
    return lambda make, *arguments: load_model(make, *arguments).signature
