"""Requests whose heads are written in many ways."""

from collections.abc import Iterator

from framing.case import CHUNKED, HOST, Case, chunked, get, head, post


def plain() -> Iterator[Case]:
    """Requests that are as they should be, or nearly so."""
    for method in (b"GET", b"HEAD", b"PUT", b"DELETE", b"PATCH"):
        yield Case(method.decode(), head(method + b" /first HTTP/1.1", HOST))
    yield Case("POST without a length", post())
    yield Case("an empty line before it", b"\r\n" + get(HOST))
    yield Case("three empty lines before it", b"\r\n" * 3 + get(HOST))
    yield Case("HTTP/1.0", get(version=b"HTTP/1.0"), closes=True)
    yield Case("HTTP/1.0 kept", get(b"Connection: keep-alive", version=b"HTTP/1.0"))
    yield Case("an empty value", get(HOST, b"X:"))
    yield Case("tabs around a value", get(HOST, b"X:\t a \t"))
    yield Case("a value of 8 bits", get(HOST, b"X: \xc3\xa4\xff"))
    yield Case("a value of 8 KiB", get(HOST, b"X: " + b"a" * 8192))
    yield Case("a name of all characters", get(HOST, b"!#$%&'*+-.^_`|~09aZ: a"))
    yield Case("Content-Length with an underscore", get(HOST, b"Content_Length: 40"))


def versions() -> Iterator[Case]:
    """Versions of HTTP (RFC 9112, section 2.3)."""
    for number in (b"1.2", b"2.0", b"0.9", b"3.0", b"1.9"):
        yield Case(f"HTTP/{number.decode()}", get(HOST, version=b"HTTP/" + number), 505)
    bad = (
        b"HTTP/1",
        b"HTTP/11",
        b"HTTP/1.10",
        b"http/1.1",
        b"HTTP/ 1.1",
        b"HTTP/1.1a",
        b"HTTPS/1.1",
        b"ICE/1.0",
    )
    for word in (*bad, b"HTTP/-1.1", b"HTTP/01.1", b"HTTP/1,1", b""):
        yield Case(f"version {word.decode()!r}", get(HOST, version=word), 400)
    yield Case("chunks in HTTP/1.2", post(CHUNKED, body=b"0\r\n\r\n", version=b"HTTP/1.2"), 505)
    yield Case("HTTP/2 by prior knowledge", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)


def lines() -> Iterator[Case]:
    """Ends of lines, names and folds (RFC 9112, sections 2.2 and 5)."""
    yield Case("bare LF after the request line", get(HOST).replace(b"1.1\r\n", b"1.1\n"), 400)
    yield Case("bare LF after a header", get(HOST, b"X: a").replace(b"x\r\n", b"x\n"), 400)
    yield Case("bare LF everywhere", get(HOST).replace(b"\r\n", b"\n"), 400)
    yield Case("bare LF at the end", get(HOST)[:-2] + b"\n", 400)
    yield Case("bare CR after the request line", get(HOST).replace(b"1.1\r\n", b"1.1\r"), 400)
    yield Case("bare CR in a value", get(HOST, b"X: a\rContent-Length: 40"), 400)
    yield Case("CR CR LF", get(HOST, b"X: a\r"), 400)
    yield Case("a folded value", get(HOST, b"X: a", b" Content-Length: 40"), 400)
    yield Case("a folded value, by a tab", get(HOST, b"X: a", b"\tb"), 400)
    yield Case("a fold before all headers", get(b" X: a", HOST), 400)
    yield Case("NUL in a value", get(HOST, b"X: a\0b"), 400)
    yield Case("a control character in a value", get(HOST, b"X: a\x01"), 400)
    yield Case("DEL in a value", get(HOST, b"X: a\x7f"), 400)
    for name in (
        b"",
        b"X ",
        b"X\t",
        b" X",
        b"X Y",
        b"X\0",
        b"X\xe4",
        b"X(",
        b"X\x0b",
        b"Content-Length ",
        b'"X"',
    ):
        yield Case(f"name {name!r}", get(HOST, name + b": 40"), 400)
    yield Case("a header without a colon", get(HOST, b"X"), 400)
    yield Case("101 headers", get(HOST, *[b"X: a"] * 100), 431)
    yield Case("a head of 40 KiB", get(HOST, b"X: " + b"a" * 40_000), 431)
    yield Case("a target of 40 KiB", get(HOST, target=b"/" + b"a" * 40_000), 414)


def targets() -> Iterator[Case]:
    """Request lines, targets and Host (RFC 9112, section 3)."""
    for target in (
        b"http://x/first",
        b"HTTP://x/first",
        b"https://x/first",
        b"/first?a=/../b&c",
        b"/fir%73t",
    ):
        yield Case(f"target {target.decode()}", get(HOST, target=target))
    yield Case("OPTIONS", head(b"OPTIONS /first HTTP/1.1", HOST))
    for target in (b"first", b"x:80", b"http:/first", b"ftp://x/first", b"http://[::1/first", b"*"):
        yield Case(f"target {target.decode()}", get(HOST, target=target), 400)
    for target in (b"/a b", b"/a\tb", b"/a\0b", b"/a\x0bb", b"/a\x7fb", b"", b"/a\rb"):
        yield Case(f"target {target!r}", get(HOST, target=target), 400)
    yield Case("CONNECT", head(b"CONNECT x:80 HTTP/1.1", HOST), 501)
    bad = (
        b"get /first",
        b"GET  /first",
        b" GET /first",
        b"GET\t/first",
        b"G\0ET /first",
        b"G(T /first",
        b"/first",
    )
    for start in bad:
        yield Case(f"line {start!r}", head(start + b" HTTP/1.1", HOST), 400)
    yield Case("a line without a version", b"GET /first\r\n\r\n", 400)
    yield Case("no Host", get(), 400)
    yield Case("two Hosts", get(HOST, b"Host: y"), 400)
    yield Case("two equal Hosts", get(HOST, HOST), 400)
    yield Case("two Hosts in HTTP/1.0", get(HOST, HOST, version=b"HTTP/1.0"), 400)
    yield Case("an empty Host", get(b"Host:"))
    for host in (b"x y", b"x/y", b"x@y", b"x, y", b"x\\y", b"\xe4", b"x?y", b"x#y"):
        yield Case(f"Host {host!r}", get(b"Host: " + host), 400)


def options() -> Iterator[Case]:
    """Expect, Connection and Upgrade (RFC 9110, sections 7.6.1, 7.8 and 10.1.1)."""
    yield Case("Expect without a body", get(HOST, b"Expect: 100-continue"))
    yield Case("Expect with a body", post(b"Expect: 100-Continue", b"Content-Length: 5", body=b"hello"))
    yield Case("Expect with chunks", chunked(b"0\r\n\r\n", b"Expect: 100-continue"))
    for value in (b"200-ok", b"100-continue, x", b"100-continuex"):
        yield Case(f"Expect {value.decode()}", get(HOST, b"Expect: " + value), 417)
    for value in (
        b"close",
        b"Close",
        b"TE, close",
        b"close, TE",
        b"keep-alive, close",
        b"x ,\tclose",
        b",close,",
    ):
        yield Case(f"Connection {value!r}", get(HOST, b"Connection: " + value), closes=True)
    yield Case("close in a second line", get(HOST, b"Connection: TE", b"Connection: close"), closes=True)
    for value in (b"keep-alive", b"TE", b"closed", b"", b"keep-alive, Content-Length", b'"close"'):
        yield Case(f"Connection {value!r}", get(HOST, b"Connection: " + value))
    upgrade = (
        HOST,
        b"Connection: Upgrade, HTTP2-Settings",
        b"Upgrade: h2c",
        b"HTTP2-Settings: AAMAAABkAAQAAP__",
    )
    yield Case("Upgrade to h2c", get(*upgrade))
    yield Case("Upgrade to websocket", get(HOST, b"Connection: Upgrade", b"Upgrade: websocket"))
    yield Case("Upgrade with a body", post(*upgrade[1:], b"Content-Length: 5", body=b"hello"))
