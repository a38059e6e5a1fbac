"""A listening socket with its I/O loop, in a thread of its own."""

import math
import resource
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer

from inference.http.channel import Channel
from inference.http.poller import Poller
from inference.http.sockets import BACKLOG
from inference.logs import logger
from inference.observe.observer import Observer
from inference.process.signals import leave
from inference.serving.dispatch import LoopDispatcher

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

MAX_CONNECTIONS = 4096
ACCEPTED_A_TURN = 64
# How often a worker looks whether connections wait for another one.
SIBLINGS_SECONDS = 0.2
# Left for what is no connection: models, logs, events.
SPARE_FILES = 128


def raise_file_limit() -> int:
    """Allow as many open files as the system lets us; return how many connections that leaves."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + SPARE_FILES
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(1, allowed - SPARE_FILES)


class Listener(TcpWSGIServer):  # type: ignore[misc]
    """waitress's server on a socket that is open already, which can end without losing a request."""

    channel_class = Channel

    def __init__(
        self,
        application: "WSGIApplication",
        sock: socket.socket,
        dispatcher: LoopDispatcher,
        observer: Observer,
        max_body: int,
        siblings: tuple[socket.socket, ...] = (),
    ) -> None:
        """Be ready to accept; nothing is, until `start`.

        `siblings` are the sockets of other workers: what waits there for long, since theirs has died or loads
        a model yet, is taken too.
        """
        adjustments = Adjustments(
            max_request_body_size=max_body + 1,  # waitress refuses a body of exactly its maximum
            connection_limit=raise_file_limit(),
            backlog=BACKLOG,
            recv_bytes=1 << 16,
            # Read on while a request is served, to see that its client goes away.
            channel_request_lookahead=1,
            asyncore_use_poll=True,
            ident=None,
        )
        self.observer = observer
        self._siblings = siblings
        for sibling in siblings:
            sibling.setblocking(False)
        self._looked = 0.0
        self.draining = False
        self._stopping = False
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
        dispatcher.wake, dispatcher.all_busy = self.pull_trigger, self._all_busy
        self._thread = threading.Thread(target=self._run, name=f"io-{self.effective_port}", daemon=True)

    def _all_busy(self) -> bool:
        return all(channel.requests for channel in self.active_channels.values())

    def start(self) -> None:
        """Run the I/O loop in its thread."""
        self._thread.start()

    def on_loop(self) -> bool:
        """Tell whether the caller is the I/O loop's thread."""
        return threading.get_ident() == self._thread.ident

    def pull_trigger(self) -> None:
        """Wake the I/O loop, unless it is the caller; it looks at the connection that the caller serves."""
        channel = getattr(self.served_by, "channel", None)
        if channel is not None:
            channel.on_thread = False
            self.poller.touch(channel)
        if not self.on_loop():
            super().pull_trigger()

    def del_channel(self, map: Any = None) -> None:
        """Be no longer waited for."""
        self.poller.forget(self._fileno)
        super().del_channel(map)

    def handle_accept(self) -> None:
        """Take many at once: a turn of the loop takes the longer the more connections there are."""
        for _ in range(ACCEPTED_A_TURN):
            before = len(self._map)
            super().handle_accept()
            if len(self._map) in (before, self.adj.connection_limit):
                return

    def _take_from_siblings(self) -> None:
        """Accept what waits on the sockets of other workers."""
        self._looked = time.monotonic()
        for sibling in self._siblings:
            with suppress(OSError):  # nothing waits
                while len(self._map) < self.adj.connection_limit:
                    connection, address = sibling.accept()
                    self.set_socket_options(connection)
                    Channel(self, connection, self.fix_addr(address), self.adj, map=self._map)

    def drain(self, timeout: float) -> int:
        """Stop accepting, finish what is in flight, end the loop; return how many requests were cut."""
        self._stopping = True
        self.pull_trigger()
        if self._thread.is_alive():
            self._thread.join(timeout)
        return sum(1 for channel in list(self.active_channels.values()) if not channel.idle())

    def _run(self) -> None:
        try:
            self._loop()
        except Exception:
            # Without its loop the process would look alive on its other port, and answer nobody.
            logger.exception("the I/O loop failed; ending")
            leave(1)

    def _loop(self) -> None:
        while not self._stopping:
            self._turn()
        self._accept_what_waits()
        wasyncore.dispatcher.close(self)
        while self.active_channels:
            for channel in list(self.active_channels.values()):
                if channel.idle():
                    channel.will_close = True
            self.poller.sweep()
            self._turn()

    def _turn(self) -> None:
        """Serve what was read, then read what comes: what is answered can be sent in the same turn."""
        sleep = self.task_dispatcher.turn()
        if self._siblings:
            if time.monotonic() - self._looked > SIBLINGS_SECONDS:
                self._take_from_siblings()
            sleep = min(sleep, SIBLINGS_SECONDS)
        self.poller.touch(self)
        # Rounded up: poll counts milliseconds, and must not be asked again and again within one.
        self.poller.turn(math.ceil(sleep * 1000) / 1000)

    def _accept_what_waits(self) -> None:
        """Take the connections that the system has accepted for us: closing the socket would reset them."""
        before = -1
        while before != len(self._map):
            before = len(self._map)
            self.handle_accept()
        self._take_from_siblings()
        started = time.monotonic()
        while time.monotonic() - started < 0.05:  # let what they have sent arrive
            wasyncore.loop(timeout=0.05, use_poll=True, map=self._map, count=1)
