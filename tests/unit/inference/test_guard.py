"""Runs on the I/O loop that take too long after all."""

import numpy as np
import pytest

import models
from inference.errors import BadRequest
from inference.serving.deadline import Guard, TooSlow

from .conftest import MakeModel


def test_ends_a_run_that_takes_too_long_and_runs_the_next(load_model: MakeModel) -> None:
    model, guard = load_model(models.slow), Guard()
    with pytest.raises(TooSlow):
        guard.run(model, {"rounds": np.array(10**7)}, ["y"])
    (result,) = guard.run(model, {"rounds": np.array(1)}, ["y"]).values()
    assert result > 0


def test_says_what_is_wrong_with_the_inputs_as_the_model_does(load_model: MakeModel) -> None:
    with pytest.raises(BadRequest, match="the model fails on these inputs"):
        Guard().run(load_model(models.pick), {"x": np.array([99])}, ["y"])
