"""Bodies and responses as bytes."""

from hypothesis import given
from hypothesis import strategies as st

from inference.api.replies import compressed
from inference.http.body import Sized
from inference.http.wire import View, head
from inference.messages import Reply


@given(
    st.binary(min_size=1, max_size=200), st.lists(st.tuples(st.booleans(), st.integers(1, 50)), max_size=40)
)
def test_a_body_is_the_same_however_it_arrives(data: bytes, parts: list[tuple[bool, int]]) -> None:
    body, at = Sized(len(data)), 0
    for straight, size in [*parts, *[(False, len(data))] * 2]:
        if straight and len(body.rest()):
            rest = body.rest()[:size]
            rest[:] = data[at : at + len(rest)]
            body.advance(len(rest))
            at += len(rest)
        elif not body.complete:
            at = body.feed(data[: at + size], at)
    assert body.complete
    assert (bytes(body.view()), at) == (data, len(data))


def test_a_body_leaves_what_follows_it() -> None:
    body = Sized(3)
    assert body.feed(b"abcde", 0) == 3
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


def test_a_head_has_all_of_a_reply() -> None:
    reply = Reply(b"{}", 404, headers=(("Retry-After", "1"), ("X-Odd", "a\r\nb")), version="v1")
    text = head(reply, (("X-Request-Id", "7"),), "1.1", "close").decode()
    assert text.startswith("HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n")
    assert "\r\nX-Content-Type-Options: nosniff\r\nRetry-After: 1\r\nX-Odd: ab\r\n" in text
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


def test_a_reply_without_content_has_no_length() -> None:
    assert b"Content-Length" not in head(Reply(b"", 204, ""), (), "1.1", "")
