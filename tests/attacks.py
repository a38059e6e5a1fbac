"""What clients can do to a server with few bytes: each function attacks one listener, and keeps count.

An attack is bounded in bytes, connections and time. It returns the statuses of the responses that it got; a
connection that the server closed without a response counts as 0.
"""

import gzip
import json
import socket
import struct
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from typing import NamedTuple

HEAD = b"POST /v2/models/%s/infer HTTP/1.1\r\nHost: x\r\n"
CHUNKED = HEAD % b"same" + b"Transfer-Encoding: chunked\r\n\r\n"
MEBIBYTE = 1 << 20
_BLOCK = 1 << 16
_WAIT_SECONDS = 30.0
Statuses = Counter[int]


class Target(NamedTuple):
    """The port that is attacked on loopback, and the attackers' own address there, such as 127.0.0.2."""

    port: int
    address: str


def connected(target: Target, receive_buffer: int = 0) -> socket.socket:
    """Connect; `receive_buffer` limits the bytes that the system takes for a client that does not read."""
    connection = socket.socket()
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(_WAIT_SECONDS)
    connection.bind((target.address, 0))
    connection.connect(("127.0.0.1", target.port))
    return connection


def exchange(target: Target, parts: Iterable[bytes]) -> int:
    """Send parts one after the other until the server responds or closes; return the status, 0 for none."""
    with connected(target) as connection:
        try:
            for part in parts:
                connection.sendall(part)
        except OSError:
            pass  # the server has seen enough: its response may be there
        return status(connection)


def status(connection: socket.socket) -> int:
    """Return the status of the response that comes, 0 if the server closes without one."""
    try:
        received = connection.recv(_BLOCK)
    except ConnectionResetError:
        return 0
    return int(received.split()[1]) if received else 0


def spaces(target: Target, size: int) -> int:
    """A header of so many spaces and a control character: regular expressions try all ways to split it."""
    return exchange(target, [b"GET / HTTP/1.1\r\nHost: x\r\nA:" + b" " * size + b"\x01\r\n\r\n"])


def announced(target: Target, count: int, size: int) -> Statuses:
    """Heads that announce bodies of `size` bytes, of which no byte comes."""
    return held(target, count, HEAD % b"same" + b"Content-Length: %d\r\n\r\n" % size)


def held(target: Target, count: int, start: bytes) -> Statuses:
    """Connections that send the start of a request and wait."""
    with ExitStack() as stack:
        connections = []
        for _ in range(count):
            connection = stack.enter_context(connected(target))
            with suppress(OSError):  # refused already
                connection.sendall(start)
            connections.append(connection)
        return Counter(map(status, connections))


def endless_line(target: Target, start: bytes, size: int) -> int:
    """A chunk's extension, or a trailer, of `size` bytes without an end."""
    return exchange(target, [CHUNKED + start, *[b"x" * _BLOCK] * (size // _BLOCK)])


def tiny_chunks(target: Target, size: int) -> int:
    """Chunks of one byte, `size` bytes as they go over the wire."""
    block = b"1\r\nx\r\n" * (_BLOCK // 6)
    return exchange(target, [CHUNKED, *[block] * (size // len(block))])


def empty_lines(target: Target, size: int) -> int:
    """One chunk of `size` bytes that looks like the end of the body again and again."""
    return exchange(target, [CHUNKED, b"%x\r\n" % size, b"\r\n\r\n" * (size // 4), b"\r\n0\r\n\r\n"])


def nested(target: Target, lists: int) -> int:
    """So many empty lists as gzipped JSON, for a path that runs no model."""
    body = gzip.compress(b'{"x":[' + b"[]," * lists + b"1]}")
    head = "POST /v2/repository/index HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    head += f"Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    return exchange(target, [head.encode() + body])


def doubled_slash(target: Target, body: bytes) -> int:
    """A request to `//score`, which must not reach the endpoint by another way than `/score`."""
    head = b"POST //score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return exchange(target, [head % len(body) + body])


def unread(target: Target, count: int, numbers: int, seconds: float) -> int:
    """Clients that ask for large responses and read none of them for a while; return how many got them whole.

    Each sends a tensor of `numbers` of 4 bytes, which comes back, and the start of another request.
    """
    given = {"name": "x", "datatype": "FP32", "shape": [numbers // 2, 2], "parameters": _size(numbers)}
    text = json.dumps({"inputs": [given], "parameters": {"binary_data_output": True}}).encode()
    lengths = b"Inference-Header-Content-Length: %d\r\nContent-Length: %d\r\n\r\n"
    body = text + struct.pack("<f", 1.5) * numbers
    request = HEAD % b"same" + lengths % (len(text), len(body)) + body + HEAD % b"same"
    with ExitStack() as stack:
        connections = []
        for _ in range(count):
            connection = stack.enter_context(connected(target, receive_buffer=1 << 12))
            with suppress(OSError):  # no memory for one more body
                connection.sendall(request)
            connections.append(connection)
        time.sleep(seconds)
        return sum(_read(connection) > 4 * numbers for connection in connections)


def _size(numbers: int) -> dict[str, int]:
    return {"binary_data_size": 4 * numbers}


def _read(connection: socket.socket) -> int:
    """Return how many bytes come before the server closes."""
    total = 0
    with suppress(ConnectionResetError):
        while part := connection.recv(_BLOCK):
            total += len(part)
    return total
