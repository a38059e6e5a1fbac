"""Answers calls: runs a route's handler, records the request, and hands the reply to the connection."""

import time
from collections.abc import Sequence
from http import HTTPStatus

from inference.api.cors import cors_headers, preflighted
from inference.api.replies import compressed, error_reply
from inference.api.services import Services
from inference.errors import ApiError
from inference.messages import Headers, Reply
from inference.models.registry import Served
from inference.observe.metrics import in_flight
from inference.observe.observer import Observer
from inference.serving.call import Call, Exchange
from inference.serving.deadline import Left, Runs, TooSlow

# The I/O loop compresses no larger replies: that takes longer than a quick model.
COMPRESSED_ON_LOOP = 1 << 16


class Answers:
    """Answers calls; keeps no state of its own. Any thread may call it."""

    def __init__(self, services: Services, observer: Observer, origins: tuple[str, ...]) -> None:
        """Take what handlers need; `origins` are those whose pages may read replies (--cors-origin)."""
        self.registry = services.registry
        self._services = services
        self._observer = observer
        self._origins = origins

    def run(self, calls: Sequence[Call], served: Served, run: Runs, *, on_loop: bool = False) -> None:
        """Run a model for calls of one route, and answer them. Raises TooSlow, and then none is answered."""
        started, cpu = time.perf_counter_ns(), time.thread_time_ns()
        flying = in_flight(served.name)
        flying.inc(len(calls))
        route = calls[0].found.route
        try:
            replies = route.run(self._services, served, [call.request() for call in calls], run)
        except TooSlow:
            raise
        except Left:
            for call in calls:
                call.pending = False
                call.exchange.forget_requests()
            return
        except Exception as error:
            reply = error_reply(error, route.path)._replace(model=served.name, version=served.version)
            replies = [reply] * len(calls)
        finally:
            flying.dec(len(calls))
        size = max([call.body_bytes for call in calls])
        for call, reply in zip(calls, replies, strict=True):
            self.answer(call, reply, started, on_loop=on_loop)
        if replies[0].status == HTTPStatus.OK:
            now, cpu = time.perf_counter_ns(), time.thread_time_ns() - cpu
            served.pace.learn((now - started) / len(calls), cpu / len(calls), size, now)

    def handle(self, call: Call) -> None:
        """Answer a call of a route that runs no model."""
        started = time.perf_counter_ns()
        try:
            reply = call.found.route.handle(self._services, call.request())
        except Exception as error:
            reply = error_reply(error, call.found.route.path)
        self.answer(call, reply, started)

    def refuse(self, call: Call, error: ApiError) -> None:
        """Answer a call with an error."""
        self.answer(call, error_reply(error, call.found.route.path), call.arrived)

    def answer(self, call: Call, reply: Reply, started: int, *, on_loop: bool = False) -> None:
        """Record a reply to a call that was begun at `started` (ns), and send it."""
        headers = call.headers
        if not on_loop or len(reply.body) <= COMPRESSED_ON_LOOP:
            reply = compressed(reply, headers.get("ACCEPT_ENCODING"))
        took = time.perf_counter_ns() - started
        model = reply.model or self.registry.label(call.model)
        extra = self._record(call.exchange, call.found.route.name, model, reply, took)
        call.exchange.answer(reply, extra)
        # Only now: a connection that closes leaves its requests to the thread that answers the first of them.
        call.pending = False
        if not call.exchange.connected:
            call.exchange.forget_requests()

    def answer_unrouted(self, exchange: Exchange, reply: Reply) -> None:
        """Send the reply to a request that no route takes."""
        extra = self._record(exchange, "unknown", "", reply, 0)
        if self._origins:
            reply = preflighted(reply, self._origins, exchange.requests[0].headers)
        exchange.answer(reply, extra)

    def _record(self, exchange: Exchange, route: str, model: str, reply: Reply, took: int) -> Headers:
        """Record the reply to the first request, which took so many ns; return further headers for it."""
        headers = exchange.requests[0].headers
        identity = headers.get("X_REQUEST_ID")
        extra = self._observer.answered(exchange.asked, identity, route, model, reply, took)
        return (*extra, *cors_headers(self._origins, headers.get("ORIGIN"))) if self._origins else extra
