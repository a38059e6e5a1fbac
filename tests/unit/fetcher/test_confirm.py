"""Asking the server which version serves."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from model_fetcher.confirm import Answer, Opinion, ask, read_index

READY = {"name": "digits", "version": "v2", "state": "READY", "reason": ""}
REFUSED = {"name": "digits", "version": "v3", "state": "UNAVAILABLE", "reason": "example 1: 7 is no 9"}


@pytest.mark.parametrize(
    ("version", "opinion"),
    [
        ("v2", Opinion(Answer.SERVED)),
        ("v3", Opinion(Answer.REFUSED, "example 1: 7 is no 9")),
        ("v4", Opinion(Answer.OTHER)),
    ],
)
def test_reads_what_the_index_says_of_a_version(version: str, opinion: Opinion) -> None:
    assert read_index([READY, REFUSED], "digits", version) == opinion


def test_another_model_of_the_same_version_says_nothing() -> None:
    assert read_index([READY | {"name": "letters"}], "digits", "v2").answer is Answer.OTHER


def test_a_version_that_serves_is_served_though_it_was_refused_before() -> None:
    assert read_index([REFUSED, REFUSED | {"state": "READY"}], "digits", "v3").answer is Answer.SERVED


@pytest.mark.parametrize("entry", [{"state": "LOADING"}, {"state": None}, {"state": "ready"}])
def test_a_version_in_any_other_state_is_not_judged_yet(entry: dict[str, object]) -> None:
    assert read_index([READY | entry], "digits", "v2").answer is Answer.OTHER


@pytest.mark.parametrize("reason", [None, "", 0])
def test_a_refusal_without_a_reason_is_one(reason: object) -> None:
    opinion = read_index([REFUSED | {"reason": reason}], "digits", "v3")
    assert opinion == Opinion(Answer.REFUSED, "no reason given")


@pytest.mark.parametrize("index", [None, {}, {"error": "no"}, "text", 7, [], [None, 7, "x", []], [{}]])
def test_an_index_of_another_shape_judges_nothing(index: object) -> None:
    assert read_index(index, "digits", "v2").answer is Answer.OTHER


@contextmanager
def server(reply: bytes) -> Iterator[str]:
    """A server that answers one request with these bytes, whatever was asked."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/v2/repository/index"
        finally:
            thread.join()


def test_asks_over_http() -> None:
    body = json.dumps([READY]).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
    with server(head + body) as url:
        assert ask(url, "digits", "v2") == Opinion(Answer.SERVED)


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnot",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n[]",
    ],
)
def test_a_server_that_cannot_answer_is_silent(reply: bytes) -> None:
    with server(reply) as url:
        assert ask(url, "digits", "v2").answer is Answer.SILENT


def test_nobody_there_is_silence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    opinion = ask(f"http://127.0.0.1:{port}/", "digits", "v2")
    assert opinion.answer is Answer.SILENT
    assert "refused" in opinion.reason
