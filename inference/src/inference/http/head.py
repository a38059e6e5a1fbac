"""Parse the head of a request: llhttp (by httptools) checks the syntax, the rest is here. Pure.

Source: RFC 9112 for framing, RFC 9110 for `Host`, `Connection` and `Expect`. A server that reads a doubtful
head otherwise than the proxy before it can be made to see two requests where the proxy saw one, so whatever
is doubtful is refused.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from inference.http.limits import Refusal

END = b"\r\n\r\n"
# A client sends the same head again and again: that many shorter ones are remembered.
REMEMBERED_BYTES, REMEMBERED_HEADS = 1024, 512
_HTTP = re.compile(rb"HTTP/[0-9]\.[0-9]")
_NO_LINE = "the request line is not a method, a target and a version"
_HOST = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:%\[\]-]*")


class Head(NamedTuple):
    """The head of a request.

    `target` is as the client wrote it, `path` is its path after percent-decoding, as bytes. `length` is that
    of the body in bytes; None if it comes in chunks. Names of `headers` are in capitals with underscores.
    """

    method: str
    target: str
    path: bytes
    query: str
    version: str
    headers: Mapping[str, str]
    length: int | None
    keep_alive: bool
    expects_continue: bool


class Events:
    """What llhttp reports of one request."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.headers: list[tuple[bytes, bytes]] = []
        self.head_complete = False
        self.complete = False
        self.body = bytearray()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; a trailer is checked by llhttp and dropped, as RFC 9110 (6.5.1) allows."""
        if not self.head_complete:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Note that the head has ended."""
        self.head_complete = True

    def on_body(self, data: bytes) -> None:
        """Keep a part of the body."""
        self.body += data

    def on_message_complete(self) -> None:
        """Note that the request has ended."""
        self.complete = True


def bad(message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> Refusal:
    """Make the refusal of a request that breaks the protocol."""
    return Refusal(status, message)


def parse(data: bytes, max_headers: int) -> Head:
    """Parse a head that ends with an empty line; raises Refusal (400, 417, 431, 501, 505)."""
    return _remembered(data, max_headers) if len(data) <= REMEMBERED_BYTES else _parse(data, max_headers)


def start_chunked(data: bytes) -> tuple[HttpRequestParser, Events]:
    """Return llhttp's parser after a head whose body comes in chunks, for the chunks to be fed to."""
    events = Events()
    parser = HttpRequestParser(events)
    try:
        parser.feed_data(data)
    except HttpParserUpgrade:
        raise bad("an Upgrade with a body in chunks is not supported") from None
    return parser, events


def _parse(data: bytes, max_headers: int) -> Head:
    method, target, version = _request_line(data[: data.index(b"\r\n")])
    events = Events()
    try:
        HttpRequestParser(events).feed_data(data)
    except HttpParserUpgrade:
        pass  # the server stays with HTTP/1.1, as RFC 9110 (7.8) allows
    except HttpParserError as error:
        _check_coding(events)
        raise bad(f"the request's head cannot be read: {error}") from None
    if len(events.headers) > max_headers:
        raise Refusal(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            f"the request has {len(events.headers)} headers: this server reads {max_headers} (--max-headers)",
            "headers",
        )
    hosts = [value for name, value in events.headers if name.lower() == b"host"]
    headers = _headers(events.headers)
    _check_host(hosts, headers.get("HOST", ""), version)
    length = _length(headers, version)
    path, query = _split(target, method)
    has_body = length is None or length > 0
    return Head(
        method=method,
        target=target,
        path=path,
        query=query,
        version=version,
        headers=MappingProxyType(headers),
        length=length,
        keep_alive=_keep_alive(headers.get("CONNECTION", ""), version),
        expects_continue=_expects(headers.get("EXPECT", ""), version) and has_body,
    )


_remembered = lru_cache(maxsize=REMEMBERED_HEADS)(_parse)


def _request_line(line: bytes) -> tuple[str, str, str]:
    parts = line.split(b" ")
    if len(parts) != 3:
        raise bad(_NO_LINE)
    method, target, protocol = parts
    if protocol not in (b"HTTP/1.1", b"HTTP/1.0"):
        if _HTTP.fullmatch(protocol):
            message = "this version of HTTP is not supported: use 1.1"
            raise bad(message, HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
        raise bad(_NO_LINE)
    if method == b"CONNECT":
        raise bad("this server is no proxy: it does not support CONNECT", HTTPStatus.NOT_IMPLEMENTED)
    return method.decode("latin-1"), target.decode("latin-1"), protocol[5:].decode("latin-1")


def _headers(pairs: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Join headers of one name by commas; those with an underscore could pass for others, and are dropped."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        if b"_" in raw_name:
            continue
        name = raw_name.decode("latin-1").upper().replace("-", "_")
        value = raw_value.decode("latin-1").strip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _check_host(hosts: list[bytes], host: str, version: str) -> None:
    # RFC 9112, section 3.2: one, and one only; HTTP/1.0 had none.
    if len(hosts) > 1 or (not hosts and version == "1.1"):
        raise bad(f"a request needs one Host header, this one has {len(hosts)}")
    if not _HOST.fullmatch(host):
        raise bad("the Host header is no host and port")


def _length(headers: dict[str, str], version: str) -> int | None:
    coding = headers.get("TRANSFER_ENCODING")
    if coding is None:
        # llhttp has refused what is not a number, and a second one.
        return int(headers.get("CONTENT_LENGTH", "0"))
    # RFC 9112, section 6.1: HTTP/1.0 does not know it; with a Content-Length beside it llhttp refuses it.
    if version != "1.1":
        raise bad("this version of HTTP has no Transfer-Encoding: use 1.1")
    if coding.lower() != "chunked":
        raise _unknown_coding()
    return None


def _check_coding(events: Events) -> None:
    """Raise the refusal of a coding that llhttp does not accept as the last one, if that is what is wrong."""
    for name, value in events.headers:
        if name.lower() == b"transfer-encoding" and value.strip().lower() != b"chunked":
            raise _unknown_coding()


def _unknown_coding() -> Refusal:
    return bad("this server reads no Transfer-Encoding but chunked", HTTPStatus.NOT_IMPLEMENTED)


def _split(target: str, method: str) -> tuple[bytes, str]:
    """Return the decoded path and the query of a request's target (RFC 9112, section 3.2)."""
    if target == "*" and method == "OPTIONS":
        return b"*", ""
    if not target.startswith("/"):
        try:
            parts = urlsplit(target)
        except ValueError:
            raise bad("the request's target is no URL") from None
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise bad("the request's target is neither a path nor a URL")
        return unquote_to_bytes(parts.path or "/"), parts.query
    path, _, query = target.partition("#")[0].partition("?")
    return unquote_to_bytes(path), query


def _keep_alive(connection: str, version: str) -> bool:
    # A list, of any number of lines (RFC 9110, section 7.6.1).
    options = {option.strip().lower() for option in connection.split(",")}
    return "close" not in options and (version == "1.1" or "keep-alive" in options)


def _expects(expect: str, version: str) -> bool:
    if expect and expect.lower() != "100-continue":
        raise bad("this server meets no expectation but 100-continue", HTTPStatus.EXPECTATION_FAILED)
    return bool(expect) and version == "1.1"
