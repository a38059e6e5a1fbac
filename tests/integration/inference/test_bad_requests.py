"""What a wrong request gets."""

import json
import socket
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

import pictures
from servers import JSON, Server, tensor

from .conftest import INFER, image, score


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (["?"], "image 1: is not base64"),
        ([pictures.text(b"no picture")], "image 1: is no picture that this server reads"),
        ([pictures.text(pictures.bomb())], "image 1: is 50000 x 50000 pixels, the server takes 1000000"),
        ([], "input: must be a list"),
        (None, "input: must be a list"),
    ],
)
def test_says_what_is_wrong_with_pictures(server: Server, value: Any, sentence: str) -> None:
    answer = score(server, value)
    assert answer.status == 400
    assert answer.error.startswith(sentence)


def test_sends_other_models_to_the_protocol(server: Server) -> None:
    answer = score(server, ["aGVsbG8="], "?model=nan")
    assert answer.status == 400
    assert "use POST /v2/models/nan/infer" in answer.error


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "audio/wav", ""])
def test_score_takes_nothing_but_pictures_and_json(server: Server, kind: str) -> None:
    answer = server.request("POST", "/score", b"{}", {"Content-Type": kind} if kind else {})
    assert answer.status == 415
    assert "Content-Type: application/json" in answer.error


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/octet-stream", ""])
def test_infer_takes_json_with_a_charset_or_unsaid(server: Server, kind: str) -> None:
    body = json.dumps({"inputs": [image()]}).encode()
    answer = server.request("POST", INFER, body, {"Content-Type": kind} if kind else {})
    assert answer.status == 200


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_infer_takes_nothing_that_another_site_can_send(server: Server, kind: str) -> None:
    body = json.dumps({"inputs": [image()]}).encode()
    answer = server.request("POST", INFER, body, {"Content-Type": kind})
    assert answer.status == 415
    assert answer.error.startswith(f"Content-Type is {kind.partition(';')[0]}: send JSON")


@pytest.mark.parametrize("path", ["/score", INFER, "/v2/repository/index"])
def test_a_key_may_be_there_once(server: Server, path: str) -> None:
    answer = server.request("POST", path, b'{"a": {"b": [{"c": 1, "c": 2}]}}', JSON)
    assert answer.status == 400
    assert answer.error == "the body has the key 'c' twice in one object; leave one of them out"


@pytest.mark.parametrize("parameters", [{}, {"binary_data": True}, {"classification": 3}])
def test_an_output_may_be_asked_for_once(server: Server, parameters: Any) -> None:
    outputs = [{"name": "probabilities"}, {"name": "probabilities", "parameters": parameters}]
    answer = server.post(INFER, {"inputs": [image()], "outputs": outputs})
    assert (answer.status, answer.error) == (400, "output 'probabilities': asked for twice")


@pytest.mark.parametrize("path", ["/score", INFER, "/v2/repository/index"])
def test_json_is_as_deep_as_allowed_and_not_deeper(server: Server, path: str) -> None:
    for depth, refused in ((71, False), (72, True)):
        answer = server.request("POST", path, b'{"a": ' + b"[" * depth + b"]" * depth + b"}", JSON)
        assert (answer.status == 413) == refused, answer
        assert not refused or "--max-json-depth" in answer.error


def test_a_request_has_as_many_pictures_as_allowed_and_not_one_more(server: Server) -> None:
    png = pictures.text(pictures.png())
    assert score(server, [png] * 64).status == 200
    answer = score(server, [png] * 65)
    assert (answer.status, "--max-pictures" in answer.error) == (413, True)


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_a_picture_with_damaged_exif_data_is_the_clients_fault(server: Server, form: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, form, exif=exif)
    data = buffer.getvalue().replace(b"MM\0*", b"XX\0*").replace(b"II*\0", b"XX*\0")
    data = pictures.with_checksums(data) if form == "PNG" else data
    answer = score(server, [pictures.text(pictures.png()), pictures.text(data)])
    assert answer.status == 400
    assert answer.error.startswith("image 2: cannot be decoded: ")


@pytest.mark.parametrize("path", ["/score", INFER])
def test_says_that_a_body_is_not_json(server: Server, path: str) -> None:
    answer = server.request("POST", path, b"{", JSON)
    assert answer.status == 400
    assert "the body is not JSON" in answer.error


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ([image(name="picture")], "input 'picture': the model has no such input; it takes image"),
        ([image(shape=(1, 1, 8, 9))], "input 'image': shape is [1, 1, 8, 9], the model takes [-1, 1, 8, 8]"),
        ([image(datatype="FP64")], "input 'image': datatype is FP64, the model takes FP32"),
        ([image(data=[0.0])], "input 'image': data has 1 elements, shape [1, 1, 8, 8] needs 64"),
        ([image(parameters={"binary_data_size": 256})], "input 'image': has both data and binary_data_size"),
        ([], "inputs: missing image"),
    ],
)
def test_names_the_tensor_and_what_it_expected(server: Server, inputs: Any, sentence: str) -> None:
    answer = server.post(INFER, {"inputs": inputs})
    assert answer.status == 400
    assert answer.error.startswith(sentence)


@pytest.mark.parametrize("length", ["3", "-1", "x", "99999999999999999999", "٣"])
def test_the_length_of_the_json_must_be_within_the_body(server: Server, length: str) -> None:
    headers = {"Inference-Header-Content-Length": length.encode().decode("latin-1")}
    answer = server.request("POST", INFER, b"{}", headers)
    assert answer.status == 400
    assert answer.error.startswith("Inference-Header-Content-Length: ")


def test_a_run_that_fails_on_the_data_is_a_bad_request(server: Server) -> None:
    answer = server.post("/v2/models/pick/infer", {"inputs": [tensor("x", "INT64", [1], [99])]})
    assert answer.status == 400
    assert answer.error.startswith("model 'pick' version 'v1': the model fails on these inputs")


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/v2/models/cats", "model 'cats': unknown; there is digits, nan, pick, words"),
        ("/v2/models/cats/ready", "model 'cats': unknown"),
        ("/v2/models/digits/versions/v9", "model 'digits': version 'v9' is not served; 'v1' is"),
        ("/v2/models/digits/versions/v9/ready", "model 'digits': version 'v9' is not served"),
        ("/version?model=cats", "model 'cats': unknown"),
        ("/?model=cats", "model 'cats': unknown"),
        ("/v3", "/v3: no such path"),
    ],
)
def test_says_what_is_not_there(server: Server, path: str, sentence: str) -> None:
    answer = server.get(path, accept="text/html")
    assert answer.status == 404
    assert answer.error.startswith(sentence)


@pytest.mark.parametrize("model", ["cats", "digits/versions/v9"])
def test_infers_with_no_model_or_version_that_is_not_there(server: Server, model: str) -> None:
    assert server.post(f"/v2/models/{model}/infer", {"inputs": [image()]}).status == 404


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", "/score", "POST"), ("DELETE", INFER, "POST"), ("POST", "/version", "GET"), ("PUT", "/", "GET")],
)
def test_says_which_verb_is_allowed(server: Server, method: str, path: str, allowed: str) -> None:
    answer = server.request(method, path)
    assert answer.status == 405
    assert allowed in answer.headers["allow"]
    assert answer.error == f"{path}: {method} is not allowed; use {allowed}"


def test_the_admin_port_answers_in_json_too(server: Server) -> None:
    answer = server.request("POST", "/readyz", port=server.admin_port)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert "use GET" in answer.error
    assert server.admin("/").status == 404
    assert "/readyz" in server.admin("/").error


def test_a_body_that_is_too_large_is_told_even_to_a_client_that_sends_it_all(server: Server) -> None:
    answer = server.request("POST", INFER, bytes(30 * 2**20), JSON)
    assert answer.status == 413
    assert "reads 1048576 bytes (--max-body)" in answer.error
    assert server.get("/").body == b"Healthy"


def test_a_chunked_body_that_is_too_large_is_told(server: Server) -> None:
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    head = f"POST {INFER} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    assert b"413" in raw(server, head + chunk * 40).splitlines()[0]


def test_a_body_of_exactly_the_limit_is_read(server: Server) -> None:
    body = json.dumps({"inputs": [image()]}).encode()
    answer = server.request("POST", INFER, body + b" " * (2**20 - len(body)))
    assert answer.status == 200


def raw(server: Server, data: bytes) -> bytes:
    """Send bytes as they are, and read until the server closes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(data)
        parts = []
        while part := connection.recv(1 << 16):
            parts.append(part)
        return b"".join(parts)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: x\r\n\r\n", 400),
        (b"\0\xff\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 300_000 + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    ],
)
def test_what_is_no_http_is_answered_in_json_too(server: Server, data: bytes, status: int) -> None:
    head, _, body = raw(server, data).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.0 {status}".encode()) or head.startswith(f"HTTP/1.1 {status}".encode())
    assert b"Content-Type: application/json" in head
    assert "error" in json.loads(body)
