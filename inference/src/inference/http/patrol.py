"""Ends connections that take too long; the listener looks at each of them a few times a second."""

from inference.http.connection import CONTINUE, Connection

# A client that has ended its half gets its response; one that is gone resets the connection when it is sent
# something. A run that has taken that many seconds is reason to find out which of the two it is.
PROBE_SECONDS = 2.0


def look_after(connection: Connection, now: float) -> None:
    """End a connection, or the request on it, if it takes too long; `now` is in seconds."""
    if connection.linger_until:
        if now > connection.linger_until:
            connection.handle_close()
    elif connection.total_outbufs_len:
        if connection.unsent.too_slow(now):
            connection.server.count_limit("write_rate")
            connection.handle_close()
    elif connection.requests:
        _probe(connection, now)
    elif refused := connection.reader.expired(now):
        connection.take(refused)
    elif connection.idle() and now - connection.answered > connection.limits.idle_timeout:
        connection.handle_close()


def _probe(connection: Connection, now: float) -> None:
    """Find out whether a client that ended its half is still there: one that is gone answers with RST.

    A client has to skip a 100 that it did not expect (RFC 9110, section 15.2).
    """
    if not connection.half_closed or connection.probed:
        return
    # A request that still waits for a thread is cheap to drop, and its place is of use to others.
    queued = connection.server.task_dispatcher.is_queued(connection)
    if queued or now - connection.half_closed > PROBE_SECONDS:
        connection.probed = True
        # A thread may have answered the last one since.
        if any(request.version == "1.1" for request in connection.requests[:1]):
            connection.write_soon(CONTINUE)
