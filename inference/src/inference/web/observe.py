"""What is told of every answer: metrics, headers, and, if somebody wants it, a line of the log and a trace.

Sources: `Server-Timing` is W3C's recommendation of that name; `X-Request-Id` is custom.
"""

import random
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from inference.models.stats import Timing
from inference.telemetry import metrics
from inference.web.replies import Headers, Reply

# What v2's statistics call the parts of a request, and what Server-Timing, metrics and traces do.
STAGES = {"compute_input": "pre", "compute_infer": "infer", "compute_output": "post"}
LONGEST_ID = 128
# Names and nanoseconds.
Stages = tuple[tuple[str, int], ...]


class Asked(NamedTuple):
    """A request, as far as it is told. `request_id` and `traceparent` are headers of the client's."""

    method: str
    path: str
    client: str
    request_id: str | None = None
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
        """The parts that it took, in their order, in nanoseconds; none if no model was run."""
        return stages(self.reply.timing) if self.reply.timing else ()


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

    def answered(self, asked: Asked, route: str, model: str, reply: Reply, ns: int) -> Headers:
        """Tell of an answer about `model` (empty: about none); return the headers that differ each time."""
        spent = stages(reply.timing) if reply.timing else ()
        metrics.answered(model, reply.version, route, reply.status, ns, spent)
        identity = request_id(asked.request_id)
        for sink in self._sinks:
            sink.tell(Answered(asked, identity, route, model, reply, ns))
        headers = (("X-Request-Id", identity),)
        return (*headers, ("Server-Timing", server_timing(spent))) if spent else headers

    def close(self) -> None:
        """Let the sinks finish."""
        for sink in self._sinks:
            sink.close()


def request_id(said: str | None) -> str:
    """Return the client's id of a request, or else a new one."""
    if said and len(said) <= LONGEST_ID and said.isascii() and said.isprintable():
        return said
    return f"{random.getrandbits(64):016x}"


def stages(timing: Timing) -> Stages:
    """Return the parts of a request in their order, in nanoseconds."""
    laps = timing.laps
    return ("queue", timing.queue), *((name, laps[lap]) for lap, name in STAGES.items() if lap in laps)


def server_timing(spent: Stages) -> str:
    """Write the header of that name; its unit is milliseconds."""
    return ", ".join([f"{name};dur={ns / 1e6:.3f}" for name, ns in spent])
