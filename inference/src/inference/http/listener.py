"""A listening socket with its I/O loop, in a thread of its own."""

import errno
import math
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer

from inference.http.admission import Admission
from inference.http.connection import Connection
from inference.http.interfaces import Dispatcher, Recorder
from inference.http.limits import Limits
from inference.http.patrol import look_after
from inference.http.poller import Poller
from inference.http.sockets import BACKLOG, refuse_new_connections
from inference.logs import fields, logger
from inference.messages import Headers, Reply

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

ACCEPTED_A_TURN = 64
# How often time limits, and clients that may have left, are looked at, in seconds.
LOOK_SECONDS = 0.25
# How often a worker looks whether connections wait for another one.
SIBLINGS_SECONDS = 0.2
# How long nothing is accepted after the system had no file or memory for a connection.
BACK_OFF_SECONDS = 0.5
# How long handshakes that are under way get, once new connections are refused.
SETTLE_SECONDS = 0.1
# How long a drain waits for the request of a connection that is new, or idle since a moment only.
FRESH_SECONDS = 1.0
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Listener(TcpWSGIServer):  # type: ignore[misc]
    """waitress's server on a socket that is open already, which can end without losing a request."""

    def __init__(
        self,
        application: "WSGIApplication",
        sock: socket.socket,
        dispatcher: Dispatcher,
        recorder: Recorder,
        limits: Limits,
        fail: Callable[[], None],
        siblings: tuple[socket.socket, ...] = (),
    ) -> None:
        """Create the listener; it accepts nothing before `start`.

        `fail` is called if the I/O loop fails: without it the process looks alive, and answers nobody.
        `siblings` are the sockets of other workers: a connection that waits there for long, because its
        worker died or still loads a model, is accepted here.
        """
        adjustments = Adjustments(
            connection_limit=limits.max_connections,
            backlog=BACKLOG,
            recv_bytes=1 << 16,
            # Read on while a request is served, to see that its client goes away.
            channel_request_lookahead=1,
            asyncore_use_poll=True,
            ident=None,
        )
        self._fail = fail
        self.limits = limits
        self.recorder = recorder
        self.admission = Admission(
            limits.max_connections, limits.max_connections_per_address, recorder.limited
        )
        self._siblings = siblings
        for sibling in siblings:
            sibling.setblocking(False)
        self._siblings_seen = self._limits_seen = self._accept_after = 0.0
        self.draining = False
        self._stopping = self._refuses = False
        dispatchers: dict[int, Any] = {}
        self.poller = Poller(dispatchers)
        # By thread: the connection that it serves.
        self.served_by = threading.local()
        info = (sock.family, sock.type, sock.proto, sock.getsockname())
        super().__init__(
            application,
            dispatchers,
            True,
            sock,
            dispatcher=dispatcher,
            adj=adjustments,
            bind_socket=False,
            sockinfo=info,
        )
        dispatcher.connect(self.pull_trigger, self._all_busy)
        self._thread = threading.Thread(target=self._run, name=f"io-{self.effective_port}", daemon=True)

    def start(self) -> None:
        """Run the I/O loop in its thread."""
        self._thread.start()

    def on_loop(self) -> bool:
        """Return whether the caller is the I/O loop's thread."""
        return threading.get_ident() == self._thread.ident

    def pull_trigger(self) -> None:
        """Wake the I/O loop, unless it is the caller; it looks at the connection that the caller serves."""
        connection = getattr(self.served_by, "channel", None)
        if connection is not None:
            connection.on_thread = False
            self.poller.touch(connection)
        if not self.on_loop():
            super().pull_trigger()

    def record_refusal(self, connection: Connection, error: Any, reply: Reply) -> Headers:
        """Record a request that no endpoint saw; return headers for the response."""
        identity = connection.requests[0].headers.get("X_REQUEST_ID")
        return self.recorder.refused(connection.asked(), identity, getattr(error, "limit", ""), reply)

    def count_limit(self, limit: str) -> None:
        """Count a connection that a limit closes."""
        self.recorder.limited(limit)

    def drain(self, timeout: float, *, refuse: bool = True) -> int:
        """Stop accepting, finish what is in flight, end the loop; return how many requests were cut.

        `refuse`: refuse new connections of all processes that have the socket, as none of them is to go on.
        """
        self._refuses = refuse
        self._stopping = True
        self.pull_trigger()
        if self._thread.is_alive():
            self._thread.join(timeout)
        return sum(1 for connection in self._connections() if not connection.idle())

    # --- Accepting ---

    def readable(self) -> bool:
        """Return whether to accept: not for a while after the system had no room."""
        return bool(self.accepting) and time.monotonic() >= self._accept_after

    def handle_accept(self) -> None:
        """Accept up to 64 connections: a turn of the loop slows down as connections grow."""
        for _ in range(ACCEPTED_A_TURN):
            if not self._accept_from(self.socket):
                return

    def _accept_from(self, sock: socket.socket) -> bool:
        """Accept one connection; return whether there may be more."""
        if not self.admission.has_room(self._connections()):
            self._back_off("every connection is in use")
            return False
        try:
            connection, address = sock.accept()
        except OSError as error:
            if error.errno in _NO_ROOM:
                self.admission.make_room(self._connections())
                self._back_off(str(error))
                self.count_limit("files")
            # Else there is none, or its client has gone already.
            return error.errno in (errno.ECONNABORTED, errno.EPROTO)
        if self.admission.admits(address, self._connections()):
            with suppress(OSError):  # the client has gone already
                self.set_socket_options(connection)
            Connection(self, connection, address, self.adj, map=self._map)
        else:
            connection.close()
        return True

    def _back_off(self, reason: str) -> None:
        """Accept nothing for a while: poll() would return at once, again and again."""
        now = time.monotonic()
        if now - self._accept_after > 10 * BACK_OFF_SECONDS:
            logger.warning("connections wait", extra=fields(reason=reason, port=self.effective_port))
        self._accept_after = now + BACK_OFF_SECONDS

    def _connections(self) -> Iterator[Connection]:
        yield from list(self.active_channels.values())

    def _all_busy(self) -> bool:
        return all(connection.requests for connection in self.active_channels.values())

    def del_channel(self, map: Any = None) -> None:
        """Wait for the socket no longer."""
        self.poller.forget(self._fileno)
        super().del_channel(map)

    # --- The loop ---

    def _run(self) -> None:
        try:
            self._loop()
        except Exception:
            logger.exception("the I/O loop failed; ending")
            self._fail()

    def _loop(self) -> None:
        while not self._stopping:
            self._turn()
        self._stop_accepting()
        while self.active_channels:
            now = time.monotonic()
            for connection in self._connections():
                if connection.idle() and now - connection.answered > FRESH_SECONDS:
                    connection.will_close = True
            self.poller.sweep()
            self._turn(SETTLE_SECONDS)

    def _turn(self, longest: float = LOOK_SECONDS) -> None:
        """Run what was read, then read what comes: a response can be sent in the same turn.

        Sleeps for `longest` seconds at most.
        """
        sleep = min(longest, self.task_dispatcher.turn())
        now = time.monotonic()
        if now - self._limits_seen > LOOK_SECONDS:
            self._limits_seen = now
            for connection in self._connections():
                look_after(connection, now)
        if self.active_channels:
            sleep = min(sleep, LOOK_SECONDS)
        if self._siblings:
            if now - self._siblings_seen > SIBLINGS_SECONDS:
                self._take_from_siblings()
            sleep = min(sleep, SIBLINGS_SECONDS)
        if self._accept_after > now:
            sleep = min(sleep, self._accept_after - now)
        self.poller.touch(self)
        # Rounded up: poll counts milliseconds, and must not be asked again and again within one.
        self.poller.turn(math.ceil(sleep * 1000) / 1000)

    def _take_from_siblings(self) -> None:
        """Accept what waits on the sockets of other workers."""
        self._siblings_seen = time.monotonic()
        for sibling in self._siblings:
            for _ in range(ACCEPTED_A_TURN):
                if not self._accept_from(sibling):
                    break

    def _stop_accepting(self) -> None:
        """Accept what the system holds for us and for other workers, then close the socket.

        To close the socket alone would reset connections that wait in its queue or whose handshake is under
        way. Another worker may be slower, or dead. So new connections are refused on all sockets at once, and
        every worker empties all queues: nothing is lost as long as one worker gets here.
        """
        refused = self._refuses and all([*map(refuse_new_connections, (self.socket, *self._siblings))])
        until = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < until or (refused and self._connections_wait()):
            self.handle_accept()
            self._take_from_siblings()
            self._turn(SETTLE_SECONDS / 10)
        wasyncore.dispatcher.close(self)

    def _connections_wait(self) -> bool:
        """Return whether a queue is not empty: every connection that we may have can be in use."""
        poll = select.poll()
        for sock in (self.socket, *self._siblings):
            poll.register(sock, select.POLLIN)
        return bool(poll.poll(0))
