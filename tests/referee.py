"""How two other parsers of HTTP/1.1, which share no code with ours, read the bytes of a connection."""

import re
import socket

import h11
from gunicorn.config import Config
from gunicorn.http.errors import NoMoreData, ParseException
from gunicorn.http.parser import RequestParser

_HEAD = re.compile(rb"HTTP/1\.[01] ([0-9]{3}) [^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n")
_LENGTH = re.compile(rb"\r\nContent-Length: ([0-9]+)\r\n", re.IGNORECASE)
_READ_SECONDS = 20


def seen_by_h11(data: bytes) -> list[str]:
    """Return the targets of the requests that arrived whole, for a server that answers each at once."""
    targets: list[str] = []
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 15)
    connection.receive_data(data)
    target = b""
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                target = event.target
            elif isinstance(event, h11.EndOfMessage):
                targets.append(target.decode("latin-1"))
                connection.send(h11.Response(status_code=404, headers=[("Content-Length", "0")]))
                connection.send(h11.EndOfMessage())
                if connection.our_state is not h11.DONE:
                    return targets
                connection.start_next_cycle()
            elif not isinstance(event, h11.Data):
                return targets  # the rest is not there, or the connection has ended
    except h11.RemoteProtocolError:
        return targets


def seen_by_gunicorn(data: bytes) -> list[str]:
    """Return the targets of the requests that arrived whole."""
    targets: list[str] = []
    try:
        for request in RequestParser(Config(), iter([data]), ("127.0.0.1", 1)):
            request.body.read()
            targets.append(request.uri)
    except (ParseException, NoMoreData, StopIteration):
        pass  # the rest is refused, or not there
    return targets


def ask(port: int, data: bytes, last: bool, at_once: int = 1 << 20) -> bytes:
    """Send bytes on a connection of its own, and return what comes back until the server closes it.

    No packet has more than `at_once` bytes. Where `last` is set the client ends its half of the connection;
    else the server has to close by itself. Raises TimeoutError if it does not.
    """
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=_READ_SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for start in range(0, len(data), at_once):
                connection.sendall(data[start : start + at_once])
            if last:
                connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(1 << 16):
                received += part
        except (ConnectionResetError, BrokenPipeError):
            pass  # the server closed while bytes of ours were on their way
    return received


def statuses(received: bytes, methods: list[str]) -> list[int]:
    """Take final responses apart, those to HEAD without a body; AssertionError where one is malformed."""
    found: list[int] = []
    at = 0
    while at < len(received):
        head = _HEAD.match(received, at)
        assert head, received[at:][:200]
        at = head.end()
        status = int(head[1])
        if status == 100:
            continue
        length = _LENGTH.search(head[0])
        assert length, head[0]
        if methods[len(found) : len(found) + 1] != ["HEAD"]:
            at += int(length[1])
        found.append(status)
    return found
