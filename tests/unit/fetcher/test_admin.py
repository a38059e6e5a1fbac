"""The admin port over HTTP: what a broken or a hostile client gets."""

import json
import logging
import socket
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from model_fetcher import admin
from model_fetcher.errors import FetcherError
from servers import eventually


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


@pytest.mark.parametrize(("error", "level"), [(ValueError, "ERROR"), (BrokenPipeError, "DEBUG")])
def test_a_request_that_fails_is_a_log_record_and_prints_nothing(
    error: type[Exception],
    level: str,
    port: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(admin, "answer", fail)
    caplog.set_level(logging.DEBUG, "model_fetcher")
    assert raw(port, b"GET /healthz HTTP/1.0\r\n\r\n") == b""
    eventually(lambda: [record.levelname for record in caplog.records] == [level], "logged")
    assert capfd.readouterr().err == ""


def test_a_taken_port_is_told_with_the_cure() -> None:
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            FetcherError, match=f"cannot listen on port {port}: .*choose another --admin-port"
        ):
            admin.serve(port, [])
