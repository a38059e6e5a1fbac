"""Compressed bodies: `Content-Encoding` of requests and of responses. Pure.

Sources: RFC 9110, section 8.4; a deflate body without zlib's frame is read too, since some clients send it.
"""

import gzip
import zlib
from collections.abc import Iterator

from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header

from inference.errors import BadRequest, TooLarge, UnsupportedEncoding

Body = bytes | bytearray | memoryview

# A smaller answer fits one packet as it is.
LEAST_BYTES = 1024
# The quickest: the network that a pod answers on is faster than the better levels.
LEVEL = 1
ENCODINGS = ("gzip", "deflate")
# Real bodies expand 3 to 30 times, and at most 1,032 times; zeros are what expands most.
RATIO = 200
# Whatever the ratio is, so much harms nobody.
FREE_BYTES = 1 << 20
# Of input and of output that zlib works on at once.
_PIECE, _STEP = 1 << 18, 1 << 20
_GZIP, _ZLIB, _BARE = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS


def expand(body: Body, encoding: str | None, limit: int, ratio: int = RATIO) -> Body:
    """Return a request's body as it was before its encoding, at most `limit` bytes.

    Beyond `FREE_BYTES`, it may be at most `ratio` times as long as what arrived. Raises UnsupportedEncoding,
    TooLarge, or BadRequest if it is not so encoded.
    """
    if encoding is None:
        return body
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            return _inflate(body, _GZIP, "gzip", limit, ratio)
        case "deflate":
            return _inflate(body, _BARE if _is_bare(body) else _ZLIB, "deflate", limit, ratio)
        case several if "," in several:
            raise UnsupportedEncoding(f"Content-Encoding is {encoding!r}: encode the body once, not twice")
    raise UnsupportedEncoding(f"Content-Encoding is {encoding!r}: send gzip, deflate, or no encoding")


def _is_bare(body: Body) -> bool:
    """Tell whether zlib's frame is missing: its first two bytes name method 8, and are a multiple of 31."""
    return len(body) < 2 or body[0] & 0x0F != zlib.DEFLATED or int.from_bytes(body[:2], "big") % 31 != 0


def _inflate(body: Body, window: int, name: str, limit: int, ratio: int) -> bytearray:
    text, most = bytearray(), min(limit, max(FREE_BYTES, ratio * len(body)))
    try:
        for part in _parts(memoryview(body), zlib.decompressobj(window), name):
            text += part
            if len(text) > most:
                raise _too_large(limit, ratio, by_ratio=most < limit)
    except zlib.error as error:
        raise BadRequest(f"the body is not {name}, as Content-Encoding says: {error}") from None
    return text


def _parts(body: memoryview, stream: "zlib._Decompress", name: str) -> Iterator[bytes]:
    """Yield what a body expands to, in steps: zlib keeps a result that it makes at once twice at the end."""
    for start in range(0, len(body), _PIECE):
        rest: Body = body[start : start + _PIECE]
        while rest and not stream.eof:
            part = stream.decompress(rest, _STEP)
            yield part
            rest = stream.unconsumed_tail
            if not rest and len(part) == _STEP:
                # The step may have ended before all that the input holds was out.
                yield stream.decompress(b"", _STEP)
        if stream.unused_data or rest:
            raise BadRequest(f"the body goes on after its {name} has ended; send one stream")
    if not stream.eof:
        raise BadRequest(f"the body ends before its {name} does; send all of it")


def _too_large(limit: int, ratio: int, *, by_ratio: bool) -> TooLarge:
    if by_ratio:
        return TooLarge(
            f"the body expands to more than {ratio} times its size (--max-expansion); send it uncompressed"
        )
    return TooLarge(f"the body is too large once expanded: this server takes {limit} bytes (--max-body)")


def choose(accepted: str | None) -> str | None:
    """Return the encoding that an Accept-Encoding asks for; None if it asks for none of ours."""
    return parse_accept_header(accepted, Accept).best_match(ENCODINGS) if accepted else None


def compress(body: bytes, encoding: str) -> bytes:
    """Encode an answer's body."""
    return gzip.compress(body, LEVEL, mtime=0) if encoding == "gzip" else zlib.compress(body, LEVEL)
