"""A request that is to be answered, with what the route table found for it."""

import time
from typing import Any, Protocol

from inference.api.route import Found
from inference.messages import Headers, Reply, Request
from inference.observe.observer import Asked


class Exchange(Protocol):
    """A connection whose first request is complete, and how it is answered."""

    requests: list[Any]
    connected: bool
    addr: Any
    # The call of the first request, once it is placed.
    call: "Call | None"

    def asked(self) -> Asked:
        """Return what the access log and traces record of the first request."""

    def answer(self, reply: Reply, extra: Headers) -> None:
        """Answer the first request, with `extra` headers."""

    def service(self) -> None:
        """Let the WSGI application answer the first request."""

    def choked(self) -> bool:
        """Return whether the client has to read before another response is made."""

    def handle_close(self) -> None:
        """End the connection."""

    def forget_requests(self) -> None:
        """Give back what the requests hold: nobody answers them any more."""


class Call:
    """A request of a route; it keeps neither a model nor a body alive."""

    __slots__ = ("arrived", "exchange", "found", "left", "model", "pending", "running", "version")

    def __init__(self, exchange: Exchange, found: Found, model: str = "", version: str | None = None) -> None:
        """Note when it came; `model` empty is the default one."""
        self.exchange = exchange
        self.found = found
        self.model = model
        self.version = version
        self.arrived = time.perf_counter_ns()
        # Whether its client is gone, and whether it waits for a thread, or one answers it.
        self.left = False
        self.pending = False
        self.running = False
        exchange.call = self

    @property
    def body_bytes(self) -> int:
        """Return the size of its body."""
        return len(self.exchange.requests[0].body.view())

    @property
    def headers(self) -> Any:
        """Return the request's headers, their names in capitals with underscores."""
        return self.exchange.requests[0].headers

    def request(self) -> Request:
        """Return the request as endpoints see it; `waited` is the time since it came."""
        one = self.exchange.requests[0]
        waited = time.perf_counter_ns() - self.arrived
        return Request(
            one.command, one.text_path, one.query, one.headers, one.body.view(),
            str(self.exchange.addr[0]), self.found.params, waited,
        )  # fmt: skip
