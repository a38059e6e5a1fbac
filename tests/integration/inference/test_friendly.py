"""Pictures as files, compression, versions in headers, and who may load and unload."""

import gzip
import json

import pytest

import models
import pictures
from servers import JSON, Server
from volumes import Volume

from .conftest import INFER, StartServer, image


@pytest.mark.parametrize(
    "kind", ["image/png", "application/octet-stream", "application/x-www-form-urlencoded"]
)
def test_scores_a_file_sent_as_it_is(server: Server, kind: str) -> None:
    answer = server.request("POST", "/score", pictures.png(), {"Content-Type": kind})
    assert answer.json()["result"][0][0][0] == ["seven", 94.28]
    assert answer.headers["x-model-version"] == "v1"


def test_scores_the_files_of_a_form_as_one_batch(server: Server) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="7.png"\r\n\r\n'
    body = (head + pictures.png() + b"\r\n") * 3 + b"--x--\r\n"
    answer = server.request("POST", "/score", body, {"Content-Type": "multipart/form-data; boundary=x"})
    assert [best[0][0] for best in answer.json()["result"][0]] == ["seven"] * 3


def test_every_answer_about_a_model_tells_its_version(server: Server) -> None:
    prefix = "/v2/models/digits"
    for path in ("", "/ready", "/config", "/stats", "/versions/v1"):
        assert server.get(prefix + path).headers["x-model-version"] == "v1"
    assert server.post(INFER, {"inputs": [image()]}).headers["x-model-version"] == "v1"
    refused = server.post(INFER, {"inputs": []})
    assert (refused.status, refused.headers["x-model-version"]) == (400, "v1")


def test_a_compressed_request_may_not_expand_beyond_the_limit(server: Server) -> None:
    answer = server.request("POST", INFER, gzip.compress(bytes(2**21)), {**JSON, "Content-Encoding": "gzip"})
    assert answer.status == 413
    assert "(--max-body)" in answer.error


def test_says_which_compression_it_reads(server: Server) -> None:
    answer = server.request("POST", INFER, b"x", {**JSON, "Content-Encoding": "br"})
    assert (answer.status, answer.headers["accept-encoding"]) == (415, "gzip, deflate")


def test_compresses_large_answers_when_asked(server: Server) -> None:
    body = json.dumps({"inputs": [image(shape=(100, 1, 8, 8))]}).encode()
    answer = server.request("POST", INFER, body, {**JSON, "Accept-Encoding": "gzip;q=0.5, identity;q=0"})
    assert (answer.headers["content-encoding"], answer.headers["vary"]) == ("gzip", "Accept-Encoding")
    assert json.loads(gzip.decompress(answer.body))["outputs"][0]["shape"] == [100, 10]
    assert "content-encoding" not in server.request("POST", INFER, body, JSON).headers


def test_lists_its_models(server: Server) -> None:
    assert server.get("/v2/models").json() == {"models": ["digits", "nan", "pick", "words"]}


@pytest.mark.parametrize("verb", ["load", "unload"])
def test_nobody_loads_or_unloads_unless_allowed(server: Server, verb: str) -> None:
    answer = server.post(f"/v2/repository/models/digits/{verb}", {})
    assert answer.status == 403
    assert "--repository-control on" in answer.error


def test_an_unloaded_model_stays_away_until_it_is_loaded(volume: Volume, start: StartServer) -> None:
    volume.add("words", "v1", models.identity)
    volume.add("words", "v2", models.identity)
    volume.add("words", "v3", None)
    volume.point("words", "v1")
    server = start("--repository-control", "on", "--poll", "50ms").wait_ready()
    assert server.request("POST", "/v2/repository/models/words/unload").status == 200
    volume.point("words", "v2")
    answer = server.get("/v2/models/words/ready")
    assert answer.status == 503
    assert "was unloaded; POST /v2/repository/models/words/load" in answer.error
    assert server.request("POST", "/v2/repository/models/words/load").status == 200
    assert server.get("/version").json()["version"] == "v2"
    volume.point("words", "v3")
    server.wait_refused("v3")
    refused = server.post("/v2/repository/models/words/load", {})
    assert refused.status == 400
    assert "version 'v3' was refused: the bundle has no model.onnx" in refused.error
    assert server.get("/version").json()["version"] == "v2"
    assert server.post("/v2/repository/models/cats/load", {}).status == 404
    assert server.post("/v2/repository/models/cats/unload", {}).status == 404
