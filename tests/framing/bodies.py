"""Requests whose bodies are framed in many ways."""

from collections.abc import Iterator

from framing.case import CHUNKED, HOST, SMUGGLED, Case, chunked, coded, get, post, sized


def lengths() -> Iterator[Case]:
    """Values of Content-Length (RFC 9110, section 8.6)."""
    for value in (b" 5", b"5", b" 05", b" 5 ", b"\t5", b" 000000000000000000005"):
        yield Case(f"Content-Length {value!r}", sized(value))
    bad = [b"", b" ", b" +5", b" -5", b" 0x5", b" 5.0", b" 5e0", b" 5 5", b" five", b" 5_0", b" 5;", b" '5'"]
    bad += [b" 5, 6", b" 5,", b" ,5", b" \x0b5", b" \xef\xbc\x95", b" 5\x00", b" 18446744073709551621"]
    for value in bad:
        yield Case(f"Content-Length {value!r}", sized(value), 400)
    yield Case("Content-Length of 5,000 digits", sized(b" " + b"1" * 5000), 400)
    yield Case("Content-Length 5, 5", sized(b" 5, 5"), 400)
    yield Case("two equal Content-Lengths", sized(b" 5\r\nContent-Length: 5"), 400)
    yield Case("two Content-Lengths", sized(b" 5\r\nContent-Length: 0"), 400)
    yield Case("two Content-Lengths, 0 first", sized(b" 0\r\ncontent-length: 5"), 400)
    yield Case("GET with a body", get(HOST, b"Content-Length: 5") + b"hello")


def codings() -> Iterator[Case]:
    """Values of Transfer-Encoding (RFC 9112, sections 6.1 and 7)."""
    for value in (b" chunked", b"chunked", b" Chunked", b" CHUNKED", b"\tchunked ", b"  chunked"):
        yield Case(f"Transfer-Encoding {value!r}", coded(value))
    odd = [b" gzip", b" identity", b" gzip, chunked", b" xchunked", b" chunkedx", b" chunked;q=1"]
    odd += [b' "chunked"', b" chunk", b" chunked identity", b" ,chunked", b" \xe7hunked", b" chunked\x85"]
    odd += [b" \xa0chunked", b" gzip\r\nTransfer-Encoding: chunked"]
    for value in odd:
        yield Case(f"Transfer-Encoding {value!r}", coded(value), 501)
    # After `chunked` nothing may follow (section 7), and it is not a coding that is not known.
    bad = [b" chunked, gzip", b" chunked, chunked", b" chunked,", b" chunked\r\nTransfer-Encoding: chunked"]
    bad += [b" chunked\r\nTransfer-Encoding: identity", b" \x0bchunked", b" chunked\x0c", b" chun\x00ked"]
    for value in (*bad, b" chunked\r", b"\r\n chunked", b""):
        yield Case(f"Transfer-Encoding {value!r}", coded(value), 400)
    for lines in ((b"Content-Length: 5", CHUNKED), (CHUNKED, b"Content-Length: 5")):
        yield Case(f"both, {lines[0].decode()} first", post(*lines, body=b"0\r\n\r\n" + SMUGGLED), 400)
    both = (b"Content-Length: 0", b"Transfer-Encoding: identity")
    yield Case("Content-Length and Transfer-Encoding: identity", post(*both), 400)
    yield Case("Transfer-Encoding with an underscore", post(b"Transfer_Encoding: chunked"))
    for version in (b"HTTP/1.0", b"HTTP/1.0 "):
        old = post(CHUNKED, b"Connection: keep-alive", body=b"0\r\n\r\n", version=version)
        yield Case(f"chunks in {version.decode()!r}", old, 400)


def chunks() -> Iterator[Case]:
    """Bodies in chunks, with their extensions and trailers (RFC 9112, section 7.1)."""
    good: tuple[bytes, ...] = (
        b"5\r\nhello\r\n0\r\n\r\n",
        b"0\r\n\r\n",
        b"00005\r\nhello\r\n000\r\n\r\n",
        b"A\r\n0123456789\r\n0\r\n\r\n",
    )
    good += (b"5;a=b\r\nhello\r\n0\r\n\r\n", b'5;a="b c"\r\nhello\r\n0;x\r\n\r\n', b"0\r\nX: a\r\n\r\n")
    good += (b"1\r\n\n\r\n0\r\n\r\n", b"2\r\n\r\n\r\n0\r\n\r\n")
    for body in good:
        yield Case(f"chunks {body!r}", chunked(body))
    sizes = (b"0x5", b"+5", b"-5", b"5_", b"5 5", b"g", b"", b" 5", b"5h", b"\xef\xbc\x95", b"5\0", b"5,5")
    for size in (*sizes, b"10000000000000005", b"f" * 17, b"5\n", b"5\r", b"5;a\nb", b"5;a\rb", b"5;a\0"):
        yield Case(f"size {size!r}", chunked(size + b"\r\nhello\r\n0\r\n\r\n"), 400)
    bad: tuple[bytes, ...] = (
        b"5\nhello\r\n0\r\n\r\n",
        b"5\r\nhello0\r\n\r\n",
        b"5\r\nhello\n0\r\n\r\n",
        b"5\r\nhello!\r\n0\r\n\r\n",
    )
    bad += (b"5\r\nhello\r\n0\n\n", b"0\r\nX: a\n\r\n", b"0\r\n: a\r\n\r\n", b"0\r\nX : a\r\n\r\n")
    bad += (
        b"5\rhello\r\n0\r\n\r\n",
        b"0\r\nX\r\n\r\n",
        b"0\r\n X: a\r\n\r\n",
        b"0\r\nX: a\0\r\n\r\n",
        b"0\r\n\rX",
    )
    for body in bad:
        yield Case(f"chunks {body!r}", chunked(body), 400)
    for name in (b"Host: y", b"Connection: close", b"Trailer: X"):
        yield Case(f"trailer {name.decode()}", chunked(b"0\r\n%s\r\n\r\n" % name))
    for name in (b"Content-Length: 40", CHUNKED):
        yield Case(f"trailer {name.decode()}", chunked(b"0\r\n%s\r\n\r\n" % name), 400)
    yield Case("trailers of 40 KiB", chunked(b"0\r\nX: %s\r\n\r\n" % (b"a" * 40_000)), 400)
    yield Case("an extension of 40 KiB", chunked(b"0;%s\r\n\r\n" % (b"a" * 40_000)), 400)
