"""Where a body in chunks ends, whatever its data looks like."""

import pytest

from inference.http.body import Chunked, Ends
from inference.http.limits import Refusal

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n"
BODIES = {
    "plain": b"5\r\nhello\r\n0\r\n\r\n",
    "empty": b"0\r\n\r\n",
    "data that looks like the end": b"c\r\n\r\n0\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n",
    "extensions, zeros and a trailer": b"0005;a=b\r\nhello\r\n000;c\r\nX: a\r\nY: b\r\n\r\n",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_finds_the_end_however_the_bytes_are_cut(body: bytes, size: int) -> None:
    chunked, data = Chunked(HEAD, 1000, 1000), body + NEXT
    at = 0
    while not chunked.complete:
        piece = data[at : at + size]
        at += chunked.feed(piece, 0)
    assert at == len(body)


def test_the_parser_is_fed_once_for_each_packet(monkeypatch: pytest.MonkeyPatch) -> None:
    chunked, pieces = Chunked(HEAD, 1 << 20, 1000), []
    feed = chunked._parser.feed_data

    class Counting:
        def feed_data(self, data: bytes) -> None:
            pieces.append(len(data))
            feed(data)

    monkeypatch.setattr(chunked, "_parser", Counting())
    packet = b"%x\r\n" % 40_000 + b"\r\n\r\n" * 10_000 + b"\r\n0\r\n\r\n"
    assert chunked.feed(packet, 0) == len(packet)
    assert chunked.complete
    assert pieces == [len(packet)]


def test_a_line_that_is_no_size_ends_nothing() -> None:
    ends = Ends()
    assert ends.find(b"x\r\n\r\n", 0) == len(b"x\r\n\r\n")
    assert not ends.found
    with pytest.raises(Refusal, match="cannot be read"):
        Chunked(HEAD, 1000, 1000).feed(b"x\r\n\r\n", 0)
