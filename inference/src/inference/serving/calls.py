"""The endpoints that run a model, served from waitress's requests without a web framework.

Everything else is Flask's, and so is a path that only Flask would understand.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from inference.api.compression import expand
from inference.api.infer import Ask, Run, infer
from inference.api.replies import compressed, error_reply
from inference.api.score import score_pictures
from inference.errors import ApiError
from inference.http.channel import Channel
from inference.messages import Reply
from inference.models.model import Model
from inference.models.registry import Registry, Served
from inference.observe.metrics import QUEUED, in_flight
from inference.observe.observer import Observer
from inference.protocol.binary import HEADER
from inference.serving.deadline import Guard, TooSlow

PATH = re.compile(r"/v2/models/([A-Za-z0-9._-]+)(?:/versions/([A-Za-z0-9._-]+))?/infer")
RAW_HEADER = HEADER.upper().replace("-", "_")


@dataclass(frozen=True, slots=True)
class Address:
    """What a path asks for; no `model` is the default one."""

    route: str
    model: str = ""
    version: str | None = None


@lru_cache(maxsize=1024)
def address(method: str, path: str, query: str) -> Address | None:
    """Read a request's first line; None if it is for Flask."""
    if method != "POST":
        return None
    if path == "/score":
        return Address("score", parse_qs(query).get("model", [""])[0])
    match = PATH.fullmatch(path)
    return Address("infer", match[1], match[2]) if match else None


class Call:
    """A request that is to be served: its connection's first. It keeps neither a model nor a body alive."""

    __slots__ = ("address", "arrived", "channel", "direct")

    def __init__(self, channel: Channel, address: Address | None, direct: "Direct") -> None:
        """Note when it came; `address` None is for Flask."""
        self.channel = channel
        self.address = address
        self.direct = direct
        self.arrived = time.perf_counter_ns()

    @property
    def request(self) -> Any:
        """Return waitress's request."""
        return self.channel.requests[0]

    def service(self) -> None:
        """Answer it; called by a thread of waitress's."""
        QUEUED.dec()
        if self.address is None:
            self.channel.service()
        else:
            self.direct.serve([self])

    def cancel(self) -> None:
        """Close its connection; called by waitress."""
        self.channel.cancel()


class Direct:
    """Answers calls; keeps no state but the registry's."""

    def __init__(self, registry: Registry, observer: Observer, max_pixels: int, max_body: int) -> None:
        """Take what the handlers need."""
        self.registry = registry
        self._observer = observer
        self._max_pixels = max_pixels
        self._max_body = max_body

    def serve(self, calls: Sequence[Call], served: Served | None = None, guard: Guard | None = None) -> None:
        """Answer calls to one model, which is found here unless it is `served`.

        With a guard this is the I/O loop. Raises TooSlow if the guard ends a run; then none is answered.
        """
        started, cpu = time.perf_counter_ns(), time.thread_time_ns()
        flying = in_flight(self._label(calls[0]))
        flying.inc(len(calls))
        try:
            served, replies = self._replies(calls, served, guard.run if guard else Model.run)
        finally:
            flying.dec(len(calls))
        size = max(len(call.request.body()) for call in calls)
        for call, reply in zip(calls, replies, strict=True):
            self._answer(call, reply, started)
        if served and replies[0].status == HTTPStatus.OK:
            now, cpu = time.perf_counter_ns(), time.thread_time_ns() - cpu
            served.pace.learn((now - started) / len(calls), cpu / len(calls), size, now)

    def refuse(self, call: Call, error: ApiError) -> None:
        """Answer a call with an error."""
        self._answer(call, error_reply(error, call.request.path), call.arrived)

    def _replies(
        self, calls: Sequence[Call], served: Served | None, run: Run
    ) -> tuple[Served | None, list[Reply]]:
        address = calls[0].address
        assert address is not None, calls
        try:
            if address.route == "score":
                return None, [self._score(calls[0], address)]
            served = served or self.registry.to_run(address.model, address.version)
            return served, infer(served, [self._ask(call) for call in calls], run)
        except TooSlow:
            raise
        except Exception as error:
            return None, [error_reply(error, calls[0].request.path)] * len(calls)

    def _ask(self, call: Call) -> Ask:
        said = call.request.headers
        waited = time.perf_counter_ns() - call.arrived
        return Ask(
            call.request.body(), said.get("CONTENT_TYPE"), said.get(RAW_HEADER), waited,
            said.get("CONTENT_ENCODING"), self._max_body,
        )  # fmt: skip

    def _score(self, call: Call, address: Address) -> Reply:
        said = call.request.headers
        waited = time.perf_counter_ns() - call.arrived
        body = bytes(expand(call.request.body(), said.get("CONTENT_ENCODING"), self._max_body))
        kind = said.get("CONTENT_TYPE")
        return score_pictures(self.registry, address.model, body, kind, self._max_pixels, waited)

    def _answer(self, call: Call, reply: Reply, started: int) -> None:
        channel, address = call.channel, call.address
        assert address is not None, call
        headers = call.request.headers
        reply = compressed(reply, headers.get("ACCEPT_ENCODING"))
        took = time.perf_counter_ns() - started
        said, model = headers.get("X_REQUEST_ID"), reply.model or self._label(call)
        fresh = self._observer.answered(channel.asked, said, address.route, model, reply, took)
        channel.answer(reply, fresh)

    def _label(self, call: Call) -> str:
        assert call.address is not None, call
        return self.registry.label(call.address.model)
