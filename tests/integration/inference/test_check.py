"""`inference check`."""

import subprocess
import sys
from pathlib import Path

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
