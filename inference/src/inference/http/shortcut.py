"""Sends a short response from the I/O loop, without waitress's task, locks and buffers.

They take longer than a small model does. The result is that of `Connection.service`.
"""

import time
from typing import TYPE_CHECKING

from inference.http.wire import ONE_WRITE_BYTES, head
from inference.messages import Headers, Reply

if TYPE_CHECKING:
    from inference.http.connection import Connection


def can_send_at_once(connection: "Connection", reply: Reply) -> bool:
    """Return whether a short response is all there is to do, and the caller is the I/O loop."""
    request = connection.requests[0]
    return (
        len(connection.requests) == 1
        and connection.connected
        and not connection.total_outbufs_len
        and len(reply.body) <= ONE_WRITE_BYTES
        and request.version == "1.1"
        and request.refusal is None
        and request.command != "HEAD"
        and connection.stays_open(request)
        and not connection.reader.wants_continue
        and connection.server.on_loop()
    )


def send_at_once(connection: "Connection", reply: Reply, extra: Headers) -> None:
    """Send the response to the only request of a connection, with `extra` headers."""
    text = head(reply, extra, "1.1", "") + reply.body
    try:
        sent = connection.send(text, do_close=False)
    except OSError:
        sent = 0  # sending the rest fails too, and closes
    connection.requests.pop().close()
    connection.answered = time.monotonic()
    if sent == len(text):
        connection.server.poller.reads(connection)
    else:
        connection.write_soon(text[sent:])
        connection.server.poller.touch(connection)
