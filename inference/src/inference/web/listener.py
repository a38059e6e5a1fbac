"""A listening socket with its I/O loop, in a thread of its own."""

import math
import resource
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer

from inference.logs import logger
from inference.signals import leave
from inference.web.channel import Channel
from inference.web.dispatch import LoopDispatcher
from inference.web.observe import Observer
from inference.web.poller import Poller

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

BACKLOG = 1024
MAX_CONNECTIONS = 4096
ACCEPTED_A_TURN = 64
# Left for what is no connection: models, logs, events.
SPARE_FILES = 128


def open_socket(host: str, port: int) -> socket.socket:
    """Listen on an address; `auto` is every one, IPv4 and IPv6. Raises OSError."""
    if host in ("auto", "::", "[::]") and socket.has_dualstack_ipv6():
        try:
            return socket.create_server(
                ("::", port), family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=True
            )
        except OSError:
            if host != "auto":
                raise
    address = ("0.0.0.0" if host == "auto" else host.strip("[]"), port)
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    return socket.create_server(address, family=family, backlog=BACKLOG)


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
    ) -> None:
        """Be ready to accept; nothing is, until `start`."""
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
        self.poller.touch(self)
        # Rounded up: poll counts milliseconds, and must not be asked again and again within one.
        self.poller.turn(math.ceil(sleep * 1000) / 1000)

    def _accept_what_waits(self) -> None:
        """Take the connections that the system has accepted for us: closing the socket would reset them."""
        before = -1
        while before != len(self._map):
            before = len(self._map)
            self.handle_accept()
        started = time.monotonic()
        while time.monotonic() - started < 0.05:  # let what they have sent arrive
            wasyncore.loop(timeout=0.05, use_poll=True, map=self._map, count=1)
