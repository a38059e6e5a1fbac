"""`inference check`."""

import platform
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

import models
from servers import DEADLINE_SECONDS
from volumes import Volume


def check(directory: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "inference", "check", str(directory)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE_SECONDS)


def test_tells_what_a_bundle_takes_gives_and_costs(volume: Volume) -> None:
    serving = {"examples": [{"inputs": {"a": [[1, 2]], "b": [[3, 4]]}, "outputs": {"total": [[4, 6]]}}]}
    result = check(volume.add("sums", "v1", models.add, serving))
    assert result.returncode == 0
    assert "input     a  FP32 [any, 2]" in result.stdout
    assert "output    total  FP32 [any, 2]" in result.stdout
    assert "examples  1 passed" in result.stdout
    for what in ("size", "load", "run"):
        assert f"\n{what} " in result.stdout
    assert result.stderr == ""


def test_refuses_a_bundle_that_fails_its_example(volume: Volume) -> None:
    serving = {"examples": [{"inputs": {"a": [[1, 2]], "b": [[3, 4]]}, "outputs": {"total": [[4, 7]]}}]}
    result = check(volume.add("sums", "v1", models.add, serving))
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("refused: example 1: output 'total'[0,1] is 6.0, expected 7.0")


def test_refuses_a_bundle_without_a_model(volume: Volume) -> None:
    result = check(volume.add("sums", "v1", None))
    assert (result.returncode, result.stderr) == (1, "refused: the bundle has no model.onnx; add it\n")


@pytest.mark.skipif(platform.machine() != "x86_64", reason="other CPUs divide without an exception")
def test_refuses_a_bundle_that_makes_onnxruntime_crash(volume: Volume) -> None:
    result = check(volume.add("crashes", "v1", models.crashes))
    assert (result.returncode, result.stdout, result.stderr) == (
        1, "", "refused: onnxruntime crashed while loading or running it (signal 8)\n"
    )  # fmt: skip


def test_refuses_a_bundle_that_takes_more_memory_than_there_is(volume: Volume) -> None:
    result = check(volume.add("greedy", "v1", partial(models.greedy, elements=10**15)))
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("refused: it needs more memory than the ")


def test_warns_of_a_bundle_without_examples(volume: Volume) -> None:
    result = check(volume.add("sums", "v1", models.add))
    assert result.returncode == 0
    assert "warning: serving.json has no examples" in result.stderr


def test_a_directory_that_is_not_there_is_wrong_usage(volume: Volume) -> None:
    result = check(volume.root / "none")
    assert result.returncode == 2
    assert "no such directory" in result.stderr


def test_without_an_argument_is_wrong_usage() -> None:
    command = [sys.executable, "-m", "inference", "check"]
    result = subprocess.run(command, capture_output=True, check=False, timeout=DEADLINE_SECONDS)
    assert result.returncode == 2
