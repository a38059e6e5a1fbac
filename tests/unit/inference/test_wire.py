"""Requests and answers as bytes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waitress.adjustments import Adjustments
from waitress.parser import HTTPRequestParser

from inference.api.replies import compressed
from inference.http.parser import Body, Parser
from inference.http.wire import View, head
from inference.messages import Reply

HEADS = [
    b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nX-Two: a\r\nX-Two: b\r\n\r\n",
    b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
    b"POST /%41%00 HTTP/1.1\r\nContent-Length: 99\r\nConnection: close\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    b"nonsense\r\n\r\n",
]
LIMIT = 50


def facts(parser: Any) -> dict[str, Any]:
    """Return all that a parser says, but for what receives its body."""
    said = {**vars(parser), "error": str(parser.error and parser.error.body), "completed": parser.completed}
    return {key: value for key, value in said.items() if key != "body_rcv"}


@pytest.mark.parametrize("text", HEADS)
def test_reads_every_head_as_waitress_does_the_first_and_the_second_time(text: bytes) -> None:
    adjustments = Adjustments(max_request_body_size=LIMIT)
    theirs = HTTPRequestParser(adjustments)
    theirs.received(text)
    for _ in range(2):
        ours = Parser(adjustments)
        assert ours.received(text) == len(text)
        assert facts(ours) == facts(theirs)


REQUESTS = [
    b"POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345",
    b"\r\nPOST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345",
    b"POST /a HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n12345",
    b"POST /a HTTP/1.1\r\nContent-Length: 5\r\nX-Long: " + b"x" * 2000 + b"\r\n\r\n12345",
    b"POST /a HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n",
]


@pytest.mark.parametrize("text", REQUESTS)
def test_a_request_that_comes_at_once_is_the_one_that_comes_in_pieces(text: bytes) -> None:
    adjustments = Adjustments(max_request_body_size=LIMIT)
    pieces = Parser(adjustments)
    for at in range(len(text)):
        assert pieces.received(text[at : at + 1]) == 1
    once, rest = Parser(adjustments), text + b"GET"
    while not once.completed:
        rest = rest[once.received(rest) :]
    assert rest == b"GET"
    assert once.received(rest) == 0
    assert (bytes(once.body()), once.headers) == (bytes(pieces.body()), pieces.headers)
    assert (once.path, once.completed, once.headers_finished) == ("/a", True, True)


def test_a_head_that_is_remembered_is_not_shared() -> None:
    adjustments = Adjustments()
    first, second = Parser(adjustments), Parser(adjustments)
    for parser in (first, second):
        parser.received(HEADS[0])
    first.headers["HOST"] = "changed"
    first.received(b"12345")
    assert second.headers["HOST"] == "x"
    assert second.body() == bytes(5)
    assert not second.completed


@given(st.binary(max_size=200), st.lists(st.tuples(st.booleans(), st.integers(1, 50)), max_size=40))
def test_a_body_is_the_same_however_it_comes(data: bytes, parts: list[tuple[bool, int]]) -> None:
    body, at = Body(len(data)), 0
    for straight, size in [*parts, *[(False, len(data))] * 2]:
        if straight and len(body.rest()):
            rest = body.rest()[:size]
            rest[:] = data[at : at + len(rest)]
            body.advance(len(rest))
            at += len(rest)
        elif not body.completed:
            at += body.received(data[at : at + size])
    assert body.completed
    assert (bytes(body.view()), body.getfile().read(), at) == (data, data, len(data))


def test_leaves_what_follows_a_body() -> None:
    body = Body(3)
    assert body.received(b"abcde") == 3
    assert bytes(body.view()) == b"abc"


@given(st.binary(max_size=100), st.lists(st.integers(1, 30), min_size=100, max_size=100))
def test_a_view_gives_a_body_piece_by_piece(data: bytes, sizes: list[int]) -> None:
    view, sent = View(data), b""
    for size in sizes:
        part = bytes(view.get(size))
        assert bytes(view.get(size)) == part
        view.skip(len(part), True)
        sent += part
    assert (sent, len(view)) == (data, 0)


def test_a_head_tells_all_of_an_answer() -> None:
    reply = Reply(b"{}", 404, headers=(("Retry-After", "1"), ("X-Odd", "a\r\nb")), version="v1")
    text = head(reply, (("X-Request-Id", "7"),), "1.1", "close").decode()
    assert text.startswith("HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nRetry-After: 1\r\n")
    assert "\r\nX-Odd: ab\r\nX-Model-Version: v1\r\nConnection: close\r\n" in text
    assert "\r\nX-Request-Id: 7\r\nContent-Length: 2\r\nDate: " in text
    assert text.endswith(" GMT\r\n\r\n")


def test_says_nothing_of_the_connection_unless_there_is_something_to_say() -> None:
    assert b"Connection" not in head(Reply(b""), (), "1.1", "")


def test_compresses_what_is_worth_it_and_asked_for() -> None:
    large = Reply(b"a" * 2000, headers=(("Vary", "Accept"),))
    for reply, accepted in ((Reply(b"a"), "gzip"), (large, None), (large, "br"), (large, "gzip;q=0")):
        assert compressed(reply, accepted).body == reply.body
    small = compressed(large, "br, deflate;q=0.5, gzip")
    assert len(small.body) < 100
    assert small.headers == (("Vary", "Accept, Accept-Encoding"), ("Content-Encoding", "gzip"))
