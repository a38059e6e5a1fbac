"""Every answer is the one that the model gives, or there is none."""

import asyncio
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton  # type: ignore[import-untyped]
import tritonclient.http.aio as triton_aio  # type: ignore[import-untyped]
from onnx import TensorProto, helper

import models
import pictures
from servers import DEADLINE_SECONDS, JSON, Server, tensor
from volumes import Volume

from .conftest import resident

IMAGE = {"image": {"scale": 0.001, "layout": "NHWC"}}


def filled(path: Path) -> None:
    """Put 7 where x is missing, as imputers and trees do."""
    nodes = [helper.make_node("IsNaN", ["x"], ["n"]), helper.make_node("Where", ["n", "mean", "x"], ["y"])]
    specs = [models.value(name, TensorProto.FLOAT, ["N", 2]) for name in "xy"]
    models.save(path, nodes, specs[:1], specs[1:], [models.weights("mean", np.array(7, np.float32))])


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Volume:
    """Models whose answers are easily wrong."""
    volume = Volume(tmp_path_factory.mktemp("volume"))
    colours = volume.add(
        "colours", "v1", partial(models.scores, shape=["N", 3]), IMAGE | {"labels": "labels"}
    )
    (colours / "labels").write_bytes(b"\xef\xbb\xbfred\r\ngreen\r\nblue\r\n")
    volume.add("filled", "v1", filled)
    volume.add("fixed", "v1", partial(models.identity, shape=(1, 3)), {"labels": ["a", "b", "c"]})
    volume.add("logits", "v1", partial(models.scores, shape=["N", 3]), {"image": {"layout": "NHWC"}})
    volume.add("nan", "v1", models.nan)
    volume.add("rows", "v1", partial(models.identity, shape=("N", 3)), {"labels": ["a", "b", "c"]})
    volume.add("scaled", "v1", models.scaled)
    for directory in volume.root.iterdir():
        volume.point(directory.name, "v1")
    return volume


@pytest.fixture(scope="module")
def server(volume: Volume, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all of these."""
    server = Server(volume.root, tmp_path_factory.mktemp("log") / "log", "--max-body", "80MiB").wait_ready()
    yield server
    assert server.stop() == 0
    assert server.logged("a request failed") == []


def infer(server: Server, model: str, *inputs: Any, **more: Any) -> Any:
    answer = server.post(f"/v2/models/{model}/infer", {"inputs": inputs, **more})
    assert answer.status == 200, answer
    return answer.json()["outputs"][0]


def check(directory: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "inference", "check", directory.name]
    where = {"cwd": directory.parent, "env": {**os.environ, **env}}
    return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_SECONDS, **where)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("data", [[1, None, None, 4], [[1, None], [None, 4]]])
def test_null_is_a_missing_value(server: Server, data: Any) -> None:
    assert infer(server, "filled", tensor("x", "FP32", [2, 2], data))["data"] == [1, 7, 7, 4]


def test_many_nulls_are_missing_values(server: Server) -> None:
    data = [None if place % 3 else place for place in range(30_000)]
    output = infer(server, "filled", tensor("x", "FP32", [15_000, 2], data))
    assert output["data"] == [7 if value is None else value for value in data]


def test_examples_have_missing_values_too(tmp_path: Path) -> None:
    for outputs, right in (([[1, 7]], True), ([[1, None]], False)):
        serving = {"examples": [{"inputs": {"x": [[1, None]]}, "outputs": {"y": outputs}}]}
        result = check(Volume(tmp_path).add(f"m{right}", "v1", filled, serving))
        assert (result.returncode == 0) == right, result.stderr
        assert right or "'y'[0,1] is 7.0, expected nan" in result.stderr


def test_infinities_are_told_from_nan(server: Server) -> None:
    output = infer(server, "nan", tensor("x", "FP32", [4], [0, 1, -1, 2]))
    assert output["data"] == [None] * 4
    assert output["parameters"] == {"positive_infinity": "1,3", "negative_infinity": "2"}


@pytest.mark.parametrize("raw", [True, False])
def test_tritonclient_reads_what_is_not_finite(server: Server, raw: bool) -> None:
    client = triton.InferenceServerClient(f"127.0.0.1:{server.port}")
    x = triton.InferInput("x", [2], "FP32").set_data_from_numpy(np.array([0, 1], np.float32))
    wanted = [triton.InferRequestedOutput("y", binary_data=raw)]
    got = client.infer("nan", [x], outputs=wanted).as_numpy("y")
    assert np.isnan(got[0])
    assert got[1] == np.inf if raw else np.isnan(got[1])
    client.close()


@pytest.mark.parametrize("binary", [True, False])
def test_tritons_asyncio_client_sends_json_too(server: Server, binary: bool) -> None:
    async def ask() -> Any:
        async with triton_aio.InferenceServerClient(f"127.0.0.1:{server.port}") as client:
            x = triton_aio.InferInput("x", [1, 2], "FP32")
            x.set_data_from_numpy(np.array([[1, 2]], np.float32), binary_data=binary)
            wanted = [triton_aio.InferRequestedOutput("y", binary_data=False)]
            return (await client.infer("filled", [x], outputs=wanted)).as_numpy("y").tolist()

    assert asyncio.run(ask()) == [[1, 2]]


def test_an_input_with_a_default_can_be_given(server: Server) -> None:
    x, k = tensor("x", "FP32", [2], [1, 2]), tensor("k", "FP32", [], [5])
    assert infer(server, "scaled", x)["data"] == [2, 4]
    assert infer(server, "scaled", x, k)["data"] == [5, 10]
    assert infer(server, "scaled", k, x)["data"] == [5, 10]


def test_an_input_with_a_default_is_described_as_optional(server: Server) -> None:
    inputs = server.get("/v2/models/scaled").json()["inputs"]
    assert [one["name"] for one in inputs] == ["x"]
    config = server.get("/v2/models/scaled/config").json()["input"]
    assert [(one["name"], one["dims"], one.get("optional", False)) for one in config] == [
        ("x", [-1], False),
        ("k", [], True),
    ]


@pytest.mark.parametrize(
    ("model", "shape", "data", "wanted", "best"),
    [
        ("rows", [2, 3], [1, 2, 4, 6, 5, 3], [2, 2], ["4:2:c", "2:1:b", "6:0:a", "5:1:b"]),
        ("rows", [1, 3], [1, 2, 3], [1, 2], ["3:2:c", "2:1:b"]),
        ("fixed", [1, 3], [1, 2, 3], [2], ["3:2:c", "2:1:b"]),
    ],
)
def test_classes_come_row_by_row_from_a_batch_and_flat_from_others(
    server: Server, model: str, shape: Any, data: Any, wanted: Any, best: Any
) -> None:
    outputs = [{"name": "y", "parameters": {"classification": 2}}]
    output = infer(server, model, tensor("x", "FP32", shape, data), outputs=outputs)
    assert (output["datatype"], output["shape"]) == ("BYTES", wanted)
    assert [text.replace(".000000", "") for text in output["data"]] == best


def test_labels_of_windows_are_labels(server: Server) -> None:
    some = [pictures.colour(250, 0, 0), pictures.colour(0, 100, 0), pictures.colour(0, 0, 40)]
    answer = server.post("/score?model=colours", {"input": [pictures.text(one) for one in some]})
    assert [rank[0] for rank in answer.json()["result"][0]] == [["red", 25.0], ["green", 10.0], ["blue", 4.0]]


def test_scores_that_are_no_probabilities_are_no_answer(server: Server) -> None:
    body = pictures.colour(0, 0, 0)
    assert server.request("POST", "/score?model=logits", body, {"Content-Type": "image/png"}).status == 200
    answer = server.request(
        "POST", "/score?model=logits", pictures.colour(9, 0, 0), {"Content-Type": "image/png"}
    )
    assert answer.status == 500
    assert answer.error.startswith("output 'y' has the score 9, which is no probability; give ")


@pytest.mark.parametrize(
    ("shape", "serving", "sentence"),
    [
        ([4, "N", 3], IMAGE, "output 'y' has shape [4, -1, 3] (-1: any); it must be [pictures, classes]"),
        (["N", 3], IMAGE | {"labels": ["a", "b"]}, "labels: has 2, output 'y' has 3 scores"),
        (["N", 3], {"labels": ["a", "b"]}, "labels: has 2, output 'y' has 3 scores"),
        (["N", 3], {"image": {"width": 10**6, "height": 10**6}}, "image.height: gives 1000000"),
        (["N", 3], '{"top_k": 1, "top_k": 2}', "serving.json: has the key 'top_k' twice in one object"),
    ],
)
def test_a_bundle_that_would_answer_wrongly_is_refused(
    tmp_path: Path, shape: Any, serving: Any, sentence: str
) -> None:
    result = check(Volume(tmp_path).add("m", "v1", partial(models.scores, shape=shape), serving))
    assert result.returncode == 1
    assert sentence in result.stderr


def test_check_names_scores_that_are_no_probabilities(tmp_path: Path) -> None:
    def negative(path: Path) -> None:
        nodes = [helper.make_node("ReduceMean", ["x", "axes"], ["m"], keepdims=0)]
        nodes.append(helper.make_node("Sub", ["m", "three"], ["y"]))
        constants = [
            models.weights("axes", np.array([1, 2])),
            models.weights("three", np.array(3, np.float32)),
        ]
        x = models.value("x", TensorProto.FLOAT, ["N", 1, 1, 3])
        models.save(path, nodes, [x], [models.value("y", TensorProto.FLOAT, ["N", 3])], constants)

    result = check(Volume(tmp_path).add("m", "v1", negative, IMAGE))
    assert result.returncode == 0
    assert "warning: a run on black pictures: output 'y' has the score -3" in result.stderr


def lower(path: Path) -> None:
    """Write strings in lower case, as models of text do."""
    nodes = [helper.make_node("StringNormalizer", ["x"], ["y"], case_change_action="LOWER")]
    specs = [models.value(name, TensorProto.STRING, ["N"]) for name in "xy"]
    models.save(path, nodes, specs[:1], specs[1:], [])


@pytest.mark.skipif(not Path("/usr/lib/locale/C.utf8").is_dir(), reason="no C.UTF-8 of glibc")
def test_text_models_need_a_locale_that_a_link_provides(tmp_path: Path) -> None:
    example = {"inputs": {"x": ["ÀÉ Straße", "ЖѢ", "\u1e9e"]}, "outputs": {"y": ["àé straße", "жѣ", "ß"]}}
    directory = Volume(tmp_path).add("m", "v1", lower, {"examples": [example]})
    locales = tmp_path / "locales"
    locales.mkdir()
    result = check(directory, LOCPATH=str(locales))
    assert result.returncode == 1
    assert "needs the locale en_US.UTF-8, which this machine lacks; install it (Debian: " in result.stderr
    # What the image has; see its Dockerfile.
    (locales / "en_US.utf8").symlink_to("/usr/lib/locale/C.utf8")
    result = check(directory, LOCPATH=str(locales))
    assert result.returncode == 0, result.stderr


def test_a_file_that_is_missing_is_named_as_it_is_in_the_bundle(tmp_path: Path) -> None:
    directory = Volume(tmp_path).add("m", "v1", partial(models.big_beside, mebibytes=1, seed=1))
    (directory / "weights").unlink()
    result = check(directory)
    assert result.returncode == 1
    assert '"weights"' in result.stderr


BOMB = gzip.compress(b'{"x":[' + b"[]," * 22_000_000 + b"1]}", 9)


@pytest.mark.parametrize("path", ["/v2/repository/index", "/v2/models/filled/infer", "/score?model=colours"])
def test_a_bomb_of_json_is_refused_without_the_memory_for_it(server: Server, path: str) -> None:
    before = resident(server.process.pid, "VmHWM")
    answer = server.request("POST", path, BOMB, {**JSON, "Content-Encoding": "gzip"})
    small = path.endswith("index")
    limit = "65536 bytes" if small else "--max-expansion"
    assert (answer.status, limit in answer.error) == (413, True)
    body = json.dumps({"inputs": [[]] * 3_000_000}).encode()
    answer = server.request("POST", path, body, JSON)
    limit = "65536 bytes" if small else "--max-json-elements"
    assert (answer.status, limit in answer.error) == (413, True)
    # The body, its copies, and no object for any of its elements.
    assert resident(server.process.pid, "VmHWM") - before < 64 * 1024
