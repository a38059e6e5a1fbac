"""Bytes of a connection to requests, at each limit and one past it."""

from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.http.head import REMEMBERED_BYTES
from inference.http.limits import Limits, Memory, Refusal
from inference.http.reader import Reader
from inference.http.request import HttpRequest

GET = b"GET /a%20b?q=1 HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"


def limits(memory: int = 1 << 20, **changes: float) -> Limits:
    small = {"max_head": 200, "max_headers": 5, "max_body": 1000} | changes
    return Limits(memory=Memory(memory), **small)  # type: ignore[arg-type]


def read(data: bytes, of: Limits | None = None) -> list[HttpRequest]:
    return Reader(of or limits(), 0).feed(data, 0)


def refusal(data: bytes, of: Limits | None = None) -> Refusal:
    *_, last = read(data, of)
    assert last.refusal is not None, last.head
    return last.refusal


def bodies(requests: list[HttpRequest]) -> list[bytes]:
    return [bytes(request.body.view()) for request in requests]


def test_reads_requests_that_come_together() -> None:
    chunked = CHUNKED + b"3;a=b\r\nabc\r\n0\r\nT: x\r\n\r\n"
    requests = read(GET + POST + b"\r\n" + chunked + GET)
    assert [request.command for request in requests] == ["GET", "POST", "POST", "GET"]
    assert bodies(requests) == [b"", b"hello", b"abc", b""]
    assert (requests[0].text_path, requests[0].query) == ("/a b", "q=1")


@given(st.lists(st.integers(1, 200), max_size=12))
def test_reads_the_same_however_the_bytes_are_cut(cuts: list[int]) -> None:
    data = POST + CHUNKED + b"a\r\n\r\n\r\n\r\n\r\n\r\n\r\n0\r\n\r\n" + GET + CHUNKED + b"0\r\n\r\n" + POST
    whole = read(data)
    reader, found, at = Reader(limits(), 0), [], 0
    for size in [*cuts, len(data)]:
        found += reader.feed(data[at : at + size], 0)
        at += size
    assert [request.head for request in found] == [request.head for request in whole]
    assert bodies(found) == bodies(whole) == [b"hello", b"\r\n" * 5, b"", b"", b"hello"]


def test_reads_a_body_into_its_place() -> None:
    reader = Reader(limits(), 0)
    assert reader.feed(POST[:-3], 0) == []
    rest = reader.rest()
    assert rest is not None
    rest[:2] = b"ll"
    assert reader.advance(2, 0) is None
    rest = reader.rest()
    assert rest is not None
    rest[:] = b"o"
    request = reader.advance(1, 0)
    assert request is not None
    assert bytes(request.body.view()) == b"hello"


@pytest.mark.parametrize("size", [200, REMEMBERED_BYTES + 100])
def test_a_head_at_the_limit_is_read_and_one_byte_more_is_431(size: int) -> None:
    of = limits(max_head=size)
    head = b"GET / HTTP/1.1\r\nHost: h\r\nA: "
    fill = size - len(head) - 4
    assert read(head + b"a" * fill + b"\r\n\r\n", of)[0].refusal is None
    refused = refusal(head + b"a" * (fill + 1) + b"\r\n\r\n", of)
    assert (refused.status, refused.limit) == (431, "head_bytes")


def test_a_long_request_line_is_414() -> None:
    assert refusal(b"GET /" + b"a" * 300).status == HTTPStatus.REQUEST_URI_TOO_LONG


def test_so_many_headers_are_read_and_one_more_is_431() -> None:
    head = b"GET / HTTP/1.1\r\nHost: h\r\n"
    assert read(head + b"A: b\r\n" * 4 + b"\r\n")[0].headers["A"] == "b, b, b, b"
    assert refusal(head + b"A: b\r\n" * 5 + b"\r\n").limit == "headers"


def test_a_body_at_the_limit_is_read_and_one_byte_more_is_413() -> None:
    head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n"
    assert len(read(head % 1000 + b"a" * 1000)[0].body.view()) == 1000
    refused = refusal(head % 1001)
    assert (refused.status, refused.limit) == (413, "body_bytes")


def test_a_chunked_body_at_the_limit_is_read_and_one_byte_more_is_413() -> None:
    end = b"\r\n0\r\n\r\n"
    assert len(read(CHUNKED + b"3e8\r\n" + b"a" * 1000 + end)[0].body.view()) == 1000
    assert refusal(CHUNKED + b"3e9\r\n" + b"a" * 1001 + end).status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


@pytest.mark.parametrize("flood", [b"1\r\na\r\n" * 400, b"1;" + b"a" * 500, b"0\r\nT: " + b"a" * 500])
def test_chunk_lines_extensions_and_trailers_have_a_limit(flood: bytes) -> None:
    assert refusal(CHUNKED + flood).limit == "chunk_framing"


def test_the_requests_in_progress_share_a_memory() -> None:
    of = limits(memory=10_000)
    kept = read(POST * 4, of)
    assert [request.refusal for request in kept] == [None] * 4
    refused = refusal(POST, of)
    assert (refused.status, refused.limit) == (503, "in_progress_bytes")
    for request in kept:
        request.close()
        request.close()
    assert of.memory.used == 0
    assert read(POST, of)[0].refusal is None


def test_a_connection_that_closes_gives_its_memory_back() -> None:
    of = limits()
    for part in (GET[:-5], POST[:-2], CHUNKED + b"5\r\nab"):
        reader = Reader(of, 0)
        reader.feed(part, 0)
        assert of.memory.used > 0
        reader.close()
        assert of.memory.used == 0


def test_a_head_may_take_its_time_and_no_longer() -> None:
    reader = Reader(limits(head_timeout=10), 0)
    reader.feed(GET[:-1], 100)
    assert reader.expired(110) is None
    expired = reader.expired(110.1)
    assert expired is not None
    assert expired.refusal is not None
    assert (expired.refusal.status, expired.refusal.limit) == (408, "head_seconds")
    assert reader.feed(b"\n", 111) == []


def test_a_body_must_keep_the_rate_after_a_pause() -> None:
    reader = Reader(limits(stall_timeout=20, min_rate=100), 0)
    reader.feed(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 900\r\n\r\n" + b"a" * 500, 0)
    assert reader.expired(25) is None
    late = reader.expired(25.1)
    assert late is not None
    assert late.refusal is not None
    assert (late.refusal.status, late.refusal.limit) == (408, "body_rate")


def test_a_connection_between_requests_never_expires_here() -> None:
    reader = Reader(limits(), 0)
    reader.feed(GET, 0)
    assert reader.expired(1e9) is None


def test_a_client_is_asked_to_continue_once_and_only_for_a_body() -> None:
    reader = Reader(limits(), 0)
    reader.feed(b"GET / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n", 0)
    assert not reader.wants_continue
    reader.feed(b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", 0)
    assert reader.wants_continue
    reader.continue_sent()
    assert not reader.wants_continue


def test_a_tls_handshake_ends_the_connection_without_a_response() -> None:
    reader = Reader(limits(), 0)
    assert reader.feed(b"\x16\x03\x01\x02\x00\x01", 0) == []
    assert reader.is_tls


H = b"Host: h\r\n"
REFUSED = {
    "both lengths": (
        b"POST / HTTP/1.1\r\n" + H + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
    ),
    "two lengths": (b"POST / HTTP/1.1\r\n" + H + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\n", 400),
    "a signed length": (b"POST / HTTP/1.1\r\n" + H + b"Content-Length: +3\r\n\r\n", 400),
    "a long number": (b"POST / HTTP/1.1\r\n" + H + b"Content-Length: " + b"1" * 40 + b"\r\n\r\n", 400),
    "chunked twice": (b"POST / HTTP/1.1\r\n" + H + b"Transfer-Encoding: chunked, chunked\r\n\r\n", 400),
    "another coding": (b"POST / HTTP/1.1\r\n" + H + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
    "identity": (b"POST / HTTP/1.1\r\n" + H + b"Transfer-Encoding: identity\r\n\r\n", 501),
    "chunked in 1.0": (b"POST / HTTP/1.0\r\n" + H + b"Transfer-Encoding: chunked\r\n\r\n", 400),
    "another version": (b"GET / HTTP/1.2\r\n" + H + b"\r\n", 505),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "no version": (b"GET /\r\n\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\n" + H + H + b"\r\n", 400),
    "an odd host": (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    "a bare LF": (b"GET / HTTP/1.1\nHost: h\n\n", 400),
    "a bare LF after a header": (b"GET / HTTP/1.1\r\nHost: h\n\r\n", 400),
    "a folded header": (b"GET / HTTP/1.1\r\n" + H + b" more\r\n\r\n", 400),
    "a space before the colon": (b"GET / HTTP/1.1\r\n" + H + b"A : b\r\n\r\n", 400),
    "a NUL": (b"GET / HTTP/1.1\r\n" + H + b"A: \0\r\n\r\n", 400),
    "two spaces": (b"GET  / HTTP/1.1\r\n" + H + b"\r\n", 400),
    "a bad URL": (b"GET http://[::1/v2 HTTP/1.1\r\n" + H + b"\r\n", 400),
    "no URL": (b"GET v2 HTTP/1.1\r\n" + H + b"\r\n", 400),
    "CONNECT": (b"CONNECT h:1 HTTP/1.1\r\n" + H + b"\r\n", 501),
    "another expectation": (b"GET / HTTP/1.1\r\n" + H + b"Expect: tea\r\n\r\n", 417),
    "an odd chunk size": (CHUNKED + b"0x1\r\na\r\n0\r\n\r\n", 400),
    "a chunk that is too long": (CHUNKED + b"1\r\nabc\r\n0\r\n\r\n", 400),
    "an upgrade with chunks": (CHUNKED[:-2] + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 400),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refuses_and_reads_nothing_after_it(what: str) -> None:
    data, status = REFUSED[what]
    requests = read(data + GET)
    assert [request.refusal and request.refusal.status for request in requests] == [status]


def test_a_connection_header_is_a_list_of_any_number_of_lines() -> None:
    def kept(*lines: bytes, version: bytes = b"1.1") -> bool:
        head = b"GET / HTTP/" + version + b"\r\nHost: h\r\n" + b"".join(line + b"\r\n" for line in lines)
        return read(head + b"\r\n")[0].head.keep_alive

    assert kept()
    assert kept(b"Connection: TE, keep-alive")
    assert not kept(b"Connection: TE, Close")
    assert not kept(b"Connection: keep-alive", b"Connection: close")
    assert not kept(version=b"1.0")
    assert kept(b"Connection: Keep-Alive", version=b"1.0")


def test_a_header_with_an_underscore_does_not_pass_for_another() -> None:
    (request,) = read(b"GET / HTTP/1.1\r\nHost: h\r\nContent_Type: a\r\n\r\n")
    assert dict(request.headers) == {"HOST": "h"}
