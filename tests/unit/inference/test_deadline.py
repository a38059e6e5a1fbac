"""Runs that take too long, and runs that nobody waits for."""

from typing import Any

import numpy as np
import pytest

import models
from inference.api.route import Found, Route
from inference.errors import BadRequest
from inference.serving.call import Call
from inference.serving.deadline import Left, RunTimeout, TooSlow, Watch

from .conftest import MakeModel

ENDLESS = {"rounds": np.array(10**7)}


class Exchange:
    """A connection that is never asked anything."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


def call() -> Call:
    return Call(Exchange(), Found(Route("GET", "/", "page", lambda *_: None), {}))  # type: ignore[arg-type]


def test_takes_a_run_off_the_loop_that_takes_too_long_and_runs_the_next(load_model: MakeModel) -> None:
    model, watch = load_model(models.slow), Watch(60)
    with pytest.raises(TooSlow):
        watch.on_loop([call()])(model, ENDLESS, ["y"])
    (result,) = watch.on_loop([call()])(model, {"rounds": np.array(1)}, ["y"]).values()
    assert result > 0


def test_ends_a_run_on_a_thread_after_its_time(load_model: MakeModel) -> None:
    with pytest.raises(RunTimeout, match=r"longer than 0.1 s \(--run-timeout\)"):
        Watch(0.1).on_thread([call()])(load_model(models.slow), ENDLESS, ["y"])


def test_ends_a_run_whose_clients_have_all_left(load_model: MakeModel) -> None:
    gone = [call(), call()]
    for one in gone:
        one.left = True
    with pytest.raises(Left):
        Watch(60).on_thread(gone)(load_model(models.slow), ENDLESS, ["y"])


def test_goes_on_while_one_client_of_a_batch_waits(load_model: MakeModel) -> None:
    gone, there = call(), call()
    gone.left = True
    with pytest.raises(RunTimeout):
        Watch(0.2).on_thread([gone, there])(load_model(models.slow), ENDLESS, ["y"])


def test_reports_what_is_wrong_with_the_inputs_as_the_model_does(load_model: MakeModel) -> None:
    with pytest.raises(BadRequest, match="the model fails on these inputs"):
        Watch(60).on_loop([call()])(load_model(models.pick), {"x": np.array([99])}, ["y"])
