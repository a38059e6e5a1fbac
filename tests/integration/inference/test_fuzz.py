"""Whatever bytes come over HTTP: an answer, never a failure of ours, and an error always as JSON."""

import gzip
import json
import socket
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from servers import JSON, Answer, Server, eventually

from .conftest import INFER

LENGTH = "Inference-Header-Content-Length"
MEBIBYTE = 2**20

HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Content-Type": st.sampled_from(
            ["application/json", "application/octet-stream", "image/png", "a/b", ";"]
        ),
        "Content-Encoding": st.sampled_from(["gzip", "deflate", "identity", "br", "gzip, gzip"]),
        "Accept-Encoding": st.sampled_from(["gzip", "deflate;q=0", "*", "gzip;q=x"]),
        "Accept": st.sampled_from(["text/html", "*/*", "?"]),
        LENGTH: st.one_of(st.integers(-2, 400).map(str), st.sampled_from(["", "x", "1e3", "0x10"])),
    },
)
EDITS = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 20), st.binary(max_size=8)), max_size=3)


def assert_answered(answer: Answer) -> None:
    """It is a success, or the client's error with a sentence."""
    assert answer.status < 500, answer
    if answer.status >= 400:
        assert answer.error


def whole_request(datatype: str, array: Any, name: str) -> tuple[bytes, int]:
    """What tritonclient sends for one raw tensor, and the length of its JSON."""
    tensor = triton.InferInput(name, list(array.shape), datatype)
    tensor.set_data_from_numpy(array)
    body, length = triton.InferenceServerClient.generate_request_body([tensor])
    return body, length


REQUESTS = {
    INFER: whole_request("FP32", np.zeros((1, 1, 8, 8), np.float32), "image"),
    "/v2/models/words/infer": whole_request("BYTES", np.array([["a", "ä"]], object), "x"),
    "/v2/models/pick/infer": whole_request("INT64", np.array([1, 2]), "x"),
}


@given(path=st.sampled_from(list(REQUESTS)), edits=EDITS, headers=HEADERS)
def test_a_raw_request_changed_anywhere_is_answered(
    server: Server, path: str, edits: list[tuple[int, int, bytes]], headers: dict[str, str]
) -> None:
    body, length = REQUESTS[path]
    for at, cut, new in edits:
        body = body[:at] + new + body[at + cut :]
    assert_answered(server.request("POST", path, body, {LENGTH: str(length), **headers}))


@given(
    path=st.sampled_from(
        ["/score", "/score?model=nan", INFER, "/v2/repository/index", "/v2/models/digits/load"]
    ),
    body=st.binary(max_size=300),
    headers=HEADERS,
)
def test_any_body_is_answered(server: Server, path: str, body: bytes, headers: dict[str, str]) -> None:
    assert_answered(server.request("POST", path, body, headers))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
TENSORS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["image", "x"]) | VALUES,
        "datatype": st.sampled_from(["FP32", "BYTES", "INT64"]) | VALUES,
        "shape": st.lists(st.integers(-1, 8), max_size=4) | VALUES,
        "data": st.lists(st.integers(0, 9), max_size=64) | VALUES,
        "parameters": st.dictionaries(st.sampled_from(["binary_data_size", "classification"]), VALUES)
        | VALUES,
    },
)


@given(
    path=st.sampled_from(list(REQUESTS)),
    inputs=st.lists(TENSORS, max_size=2) | VALUES,
    outputs=st.lists(TENSORS, max_size=2) | VALUES,
    parameters=st.none() | VALUES,
)
def test_any_json_is_answered(server: Server, path: str, inputs: Any, outputs: Any, parameters: Any) -> None:
    request = {"inputs": inputs, "outputs": outputs, "parameters": parameters}
    assert_answered(server.post(path, request))


@given(encoding=st.sampled_from(["gzip", "deflate"]), edits=EDITS, cut=st.integers(0, 60))
def test_a_compressed_body_changed_anywhere_is_answered(
    server: Server, encoding: str, edits: list[tuple[int, int, bytes]], cut: int
) -> None:
    text = json.dumps({"inputs": [{"name": "image", "shape": [1, 1, 8, 8], "datatype": "FP32"}]}).encode()
    body = gzip.compress(text) if encoding == "gzip" else zlib.compress(text)
    for at, length, new in edits:
        body = body[: at % len(body)] + new + body[at % len(body) + length :]
    assert_answered(server.request("POST", INFER, body[cut:], {**JSON, "Content-Encoding": encoding}))


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_body_that_expands_beyond_the_bound_is_told_and_never_expanded(
    server: Server, encoding: str
) -> None:
    zeros = bytes(160 * MEBIBYTE)
    body = gzip.compress(zeros, 9) if encoding == "gzip" else zlib.compress(zeros, 9)
    assert len(body) < MEBIBYTE
    clear_peak(server)
    before = peak(server)
    answer = server.request("POST", INFER, body, {**JSON, "Content-Encoding": encoding})
    assert answer.status == 413
    assert "once expanded: this server takes 1048576 bytes" in answer.error
    assert peak(server) - before < 64 * MEBIBYTE


def clear_peak(server: Server) -> None:
    """Forget what the server has had before (proc(5), clear_refs)."""
    Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")


def peak(server: Server) -> int:
    """The most memory that the server has had, bytes."""
    with open(f"/proc/{server.process.pid}/status") as status:
        (line,) = [line for line in status if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


LINES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [
            b"GET / HTTP/1.1",
            b"POST /score HTTP/1.1",
            b"POST /v2/models/digits/infer HTTP/1.0",
            b"OPTIONS * HTTP/1.1",
            b"GET http://h/v2 HTTP/1.1",
            b"Host: x",
            b"Content-Length: 5",
            b"Content-Length: -5",
            b"Transfer-Encoding: chunked",
            b"Expect: 100-continue",
            b"Connection: close",
            b"",
            b"5",
            b"hello",
            b"0",
        ]
    ),
)


@given(lines=st.lists(LINES, max_size=10), end=st.sampled_from([b"\r\n", b"\n", b""]))
def test_any_lines_on_a_connection_end_with_an_answer_or_a_close(
    server: Server, lines: list[bytes], end: bytes
) -> None:
    said = exchanged(server, b"\r\n".join(lines) + end)
    statuses = [part.split()[1] for part in said.split(b"HTTP/1.")[1:]]
    assert b"500" not in statuses, said
    assert server.get("/").body == b"Healthy"


def exchanged(server: Server, data: bytes) -> bytes:
    """Send bytes, say that no more will come, and read to the end."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        said = b""
        try:
            while part := connection.recv(1 << 16):
                said += part
        except ConnectionResetError:
            pass  # it had bytes of ours left unread
        return said


def test_nothing_stays_behind(server: Server) -> None:
    names = ("modelsidecar_inference_in_flight", "modelsidecar_inference_queue_length")
    eventually(lambda: not any(map(server.metric, names)), "all requests to be done with")
    assert server.get("/v2/health/ready").status == 200
