"""KServe's client against the server, with its defaults."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from programs import environment
from servers import Server

HERE = Path(__file__).parent
CALLS = HERE / "kserve_calls.py"
PYTHON = os.environ.get("KSERVE_PYTHON", str(HERE.parents[2] / ".tools/kserve/bin/python"))

pytestmark = pytest.mark.skipif(sys.version_info >= (3, 14), reason="kserve takes no Python above 3.13")


@pytest.fixture(scope="module")
def got(server: Server) -> dict[str, Any]:
    """What the client got in all its calls, by what they are about."""
    assert Path(PYTHON).exists(), f"{PYTHON} is not there: run 'make test', or set KSERVE_PYTHON"
    line = [PYTHON, str(CALLS), f"http://127.0.0.1:{server.port}"]
    done = subprocess.run(line, env=environment(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answers


def test_finds_the_server_and_its_models_ready(got: dict[str, Any]) -> None:
    assert (got["live"], got["ready"], got["model ready"]) == (True, True, True)
    assert got["unknown model ready"] is False


def test_every_datatype_comes_back_as_it_went_raw_and_as_json(got: dict[str, Any]) -> None:
    pairs = {name: value for name, value in got.items() if name.endswith((" True", " False"))}
    assert len(pairs) == 4 * 13 - 2
    assert {name: pair for name, pair in pairs.items() if pair[0] != pair[1]} == {}


def test_gets_the_output_that_it_asks_for_and_its_id(got: dict[str, Any]) -> None:
    assert got["sums"] == {"id": "42", "model": "sums", "outputs": {"total": [[2, 2], [2, 2]]}}


def test_raises_the_sentence_of_an_error(got: dict[str, Any]) -> None:
    assert got["wrong shape"].startswith("input 'x': shape is [2, 3], the model takes [-1, 2]")
    assert got["unknown model"].startswith("model 'cats': unknown")
