"""What clients get from a running server, and what a wrong request gets."""

import json

import numpy as np
import pytest

import pictures
from inference.api.metadata import EXTENSIONS
from servers import Server, tensor
from volumes import Volume, digest

from .conftest import INFER, image, score


def test_scores_a_picture_as_the_first_service_did(server: Server) -> None:
    answer = score(server, json.dumps([pictures.text(pictures.png())]))
    assert answer.status == 200
    result = answer.json()["result"]
    assert result[0][0][0] == ["seven", 94.28]
    assert len(result[0][0]) == 3
    assert result[1].startswith("Computed in ")


def test_scores_several_pictures_of_a_plain_list(server: Server) -> None:
    url = "data:image/png;base64," + pictures.text(pictures.png(20, 30))
    result = score(server, [pictures.text(pictures.png()), url], "?model=digits").json()["result"]
    assert [best[0][0] for best in result[0]] == ["seven", "seven"]


@pytest.mark.parametrize("prefix", ["/v2/models/digits", "/v2/models/digits/versions/v1"])
def test_infers(server: Server, prefix: str) -> None:
    request = {"id": "42", "inputs": [image(shape=(2, 1, 8, 8))], "outputs": [{"name": "probabilities"}]}
    answer = server.post(prefix + "/infer", request).json()
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("digits", "v1", "42")
    (output,) = answer["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("probabilities", "FP32", [2, 10])
    assert np.argmax(output["data"][:10]) == 7


def test_infers_on_strings(server: Server) -> None:
    inputs = [tensor("x", "BYTES", [1, 2], ["é", ""])]
    (output,) = server.post("/v2/models/words/infer", {"inputs": inputs}).json()["outputs"]
    assert (output["datatype"], output["data"]) == ("BYTES", ["é", ""])


def test_nan_and_infinities_are_null(server: Server) -> None:
    inputs = [tensor("x", "FP32", [3], [0, 1, -1])]
    (output,) = server.post("/v2/models/nan/infer", {"inputs": inputs}).json()["outputs"]
    assert output["data"] == [None, None, None]


def test_describes_the_server_and_its_models(server: Server, models_volume: Volume) -> None:
    assert server.get("/v2").json()["extensions"] == list(EXTENSIONS)
    of_digits = server.get("/v2/models/digits").json()
    assert of_digits == server.get("/v2/models/digits/versions/v1").json()
    assert of_digits["platform"] == "onnx_onnxv1"
    assert of_digits["versions"] == ["v1"]
    assert of_digits["inputs"] == [{"name": "image", "datatype": "FP32", "shape": [-1, 1, 8, 8]}]
    assert of_digits["outputs"] == [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]}]
    directory = models_volume.root / "digits/versions/v1"
    assert of_digits["properties"] == {"digest": digest(directory)}


def test_tells_the_version_of_the_default_model_and_of_others(server: Server, models_volume: Volume) -> None:
    answer = server.get("/version").json()
    assert (answer["model"], answer["version"]) == ("digits", "v1")
    assert answer["digest"] == digest(models_volume.root / "digits/versions/v1")
    assert answer["since"].endswith("Z")
    assert server.get("/version?model=nan").json()["model"] == "nan"


def test_tells_health(server: Server) -> None:
    for path in (
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/nan/ready",
        "/v2/models/nan/versions/v1/ready",
    ):
        assert server.get(path).status == 200
    assert server.admin("/healthz").status == 200


def test_says_healthy_to_programs_and_shows_a_page_to_browsers(server: Server) -> None:
    for accept in ("", "*/*", "application/json", "text/plain"):
        answer = server.get("/", accept=accept)
        assert (answer.status, answer.body) == (200, b"Healthy")
    page = server.get("/", accept="text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["vary"] == "Accept, Accept-Encoding"
    assert b"digits" in page.body


def test_labels_of_metrics_cannot_be_made_up_by_clients(server: Server, models_volume: Volume) -> None:
    server.post("/v2/models/made-up/infer", {})
    server.get("/also-made-up")
    server.post(INFER, {"inputs": [image()]})
    text = server.admin("/metrics").body.decode()
    assert "made-up" not in text
    counted = 'modelsidecar_inference_requests_total{model="digits",route="infer",status="200",version="v1"}'
    assert counted in text
    hexes = digest(models_volume.root / "digits/versions/v1")
    info = f'modelsidecar_inference_model_info{{digest="{hexes}",model="digits",version="v1"}} 1.0'
    assert info in text
    assert server.metric("modelsidecar_inference_ready") == 1


def test_says_how_it_was_started(server: Server) -> None:
    (first,) = server.logged("inference")
    assert first["max_body"] == 2**20
    (listening,) = server.logged("listening")
    assert listening["threads"] >= 1
