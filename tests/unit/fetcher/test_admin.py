"""The admin port over HTTP: what a broken or a hostile client gets."""

import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from model_fetcher import admin
from model_fetcher.errors import FetcherError


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = admin.serve(0, [])
    yield int(server.server_address[1])
    server.shutdown()
    server.server_close()


def raw(port: int, request: bytes) -> bytes:
    """The whole answer to these bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request)
        answer = b""
        while block := connection.recv(65536):
            answer += block
        return answer


def test_answers_over_http_with_a_body_in_the_request(port: int) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", "/sync", body=b"x" * 100_000)
    with connection.getresponse() as response:
        assert (response.status, json.load(response)) == (202, {"syncing": []})
    connection.close()


@pytest.mark.parametrize("length", [b"many", b"-5", b"", "²".encode("latin-1")])
def test_a_length_that_is_none_is_taken_as_no_body(port: int, length: bytes) -> None:
    answer = raw(port, b"GET /healthz HTTP/1.0\r\nContent-Length: " + length + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.0 200 OK")


@pytest.mark.parametrize(
    "request_line", [b"BREW /healthz HTTP/1.0", b"nonsense", b"GET / HTTP/9.9", b'GET / HTTP/"\\']
)
def test_what_is_no_request_gets_its_error_as_json(port: int, request_line: bytes) -> None:
    answer = raw(port, request_line + b"\r\n\r\n")
    assert json.loads(answer[answer.index(b"{") :])["error"]


def test_a_taken_port_is_told_with_the_cure() -> None:
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            FetcherError, match=f"cannot listen on port {port}: .*choose another --admin-port"
        ):
            admin.serve(port, [])
