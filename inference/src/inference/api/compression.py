"""Compressed bodies: `Content-Encoding` of requests and of responses. Pure.

Sources: RFC 9110, section 8.4; a deflate body without zlib's frame is read too, since some clients send it.
"""

import gzip
import zlib

from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header

from inference.errors import BadRequest, TooLarge, UnsupportedEncoding

# A smaller answer fits one packet as it is.
LEAST_BYTES = 1024
# The quickest: the network that a pod answers on is faster than the better levels.
LEVEL = 1
ENCODINGS = ("gzip", "deflate")
_GZIP, _ZLIB, _BARE = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS


def expand(body: bytes | memoryview, encoding: str | None, limit: int) -> bytes | memoryview:
    """Return a request's body as it was before its encoding, at most `limit` bytes.

    Raises UnsupportedEncoding, TooLarge, or BadRequest if it is not so encoded.
    """
    if encoding is None:
        return body
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            return _inflate(body, _GZIP, "gzip", limit)
        case "deflate":
            return _inflate(body, _BARE if _is_bare(body) else _ZLIB, "deflate", limit)
    raise UnsupportedEncoding(f"Content-Encoding is {encoding!r}: send gzip, deflate, or no encoding")


def _is_bare(body: bytes | memoryview) -> bool:
    """Tell whether zlib's frame is missing: its first two bytes name method 8, and are a multiple of 31."""
    return len(body) < 2 or body[0] & 0x0F != zlib.DEFLATED or int.from_bytes(body[:2], "big") % 31 != 0


def _inflate(body: bytes | memoryview, window: int, name: str, limit: int) -> bytes:
    stream = zlib.decompressobj(window)
    try:
        text = stream.decompress(body, limit + 1)
    except zlib.error as error:
        raise BadRequest(f"the body is not {name}, as Content-Encoding says: {error}") from None
    if len(text) > limit:
        raise TooLarge(f"the body is too large once expanded: this server takes {limit} bytes (--max-body)")
    if not stream.eof:
        raise BadRequest(f"the body ends before its {name} does; send all of it")
    if stream.unused_data:
        raise BadRequest(f"the body goes on after its {name} has ended; send one stream")
    return text


def choose(accepted: str | None) -> str | None:
    """Return the encoding that an Accept-Encoding asks for; None if it asks for none of ours."""
    return parse_accept_header(accepted, Accept).best_match(ENCODINGS) if accepted else None


def compress(body: bytes, encoding: str) -> bytes:
    """Encode an answer's body."""
    return gzip.compress(body, LEVEL, mtime=0) if encoding == "gzip" else zlib.compress(body, LEVEL)
