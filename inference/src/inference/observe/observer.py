"""What is told of every answer: metrics, headers, and, if somebody wants it, a line of the log and a trace.

Sources: `Server-Timing` is W3C's recommendation of that name; `X-Request-Id` is custom.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple, Protocol

from inference.messages import Headers, Reply
from inference.models.stats import Timing
from inference.observe import metrics

# What v2's statistics call the parts of a request, and what Server-Timing, metrics and traces do.
STAGES = {"compute_input": "pre", "compute_infer": "infer", "compute_output": "post"}
LONGEST_ID = 128


class Stages(NamedTuple):
    """The parts of a request in their order, and how many nanoseconds each took."""

    names: tuple[str, ...] = ()
    spent: tuple[int, ...] = ()


class Asked(NamedTuple):
    """A request, as far as it is told; `traceparent` is a header of the client's."""

    method: str
    path: str
    client: str
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """A request and its answer; `ns` is how long that took from dispatch, in nanoseconds."""

    asked: Asked
    request_id: str
    route: str
    model: str
    reply: Reply
    ns: int

    @property
    def stages(self) -> Stages:
        """The parts that it took; none if no model was run."""
        return stages(self.reply.timing)


class Sink(Protocol):
    """Hears of answers, and must be quick about it."""

    def tell(self, answer: Answered) -> None:
        """Take note of an answer."""

    def close(self) -> None:
        """Finish."""


class Observer:
    """Tells of answers, to the metrics and to some sinks."""

    def __init__(self, *sinks: Sink) -> None:
        """Tell these, too."""
        self._sinks = sinks

    def answered(
        self, ask: Callable[[], Asked], said: str | None, route: str, model: str, reply: Reply, ns: int
    ) -> Headers:
        """Tell of an answer about `model` (empty: about none); return the headers that differ each time.

        `ask` tells of the request if somebody wants to know; `said` is the client's id of it.
        """
        spent = stages(reply.timing)
        metrics.answered(model, reply.version, route, reply.status, spent.names, (ns, *spent.spent))
        identity = request_id(said)
        for sink in self._sinks:
            sink.tell(Answered(ask(), identity, route, model, reply, ns))
        headers = (("X-Request-Id", identity),)
        return (*headers, ("Server-Timing", server_timing(spent))) if spent.names else headers

    def refused(self, asked: Asked, identity: str | None, limit: str, reply: Reply) -> Headers:
        """Record a request that no endpoint saw; `limit` is the one that it broke, empty for none."""
        if limit:
            metrics.limited(limit)
        return self.answered(lambda: asked, identity, "refused", "", reply, 0)

    def limited(self, limit: str) -> None:
        """Record a connection that a limit closed without a response."""
        metrics.limited(limit)

    def close(self) -> None:
        """Let the sinks finish."""
        for sink in self._sinks:
            sink.close()


def request_id(said: str | None) -> str:
    """Return the client's id of a request, or else a new one."""
    if said and len(said) <= LONGEST_ID and said.isascii() and said.isprintable():
        return said
    return f"{random.getrandbits(64):016x}"


def stages(timing: Timing | None) -> Stages:
    """Return the parts of a request; no `timing`: none."""
    if timing is None:
        return Stages()
    return Stages(_names(tuple(timing.laps)), (timing.queue, *timing.laps.values()))


@cache
def _names(laps: tuple[str, ...]) -> tuple[str, ...]:
    return ("queue", *(STAGES[lap] for lap in laps))


def server_timing(stages: Stages) -> str:
    """Write the header of that name; its unit is milliseconds."""
    return _form(stages.names) % tuple([ns / 1e6 for ns in stages.spent])


@cache
def _form(names: tuple[str, ...]) -> str:
    return ", ".join(f"{name};dur=%.3f" for name in names)
