"""Who hears of answers beside the metrics: a log and traces, if they are wanted."""

from collections.abc import Mapping

from inference.logs import fields, logger
from inference.observe.observer import Answered, Sink

# Either of OpenTelemetry's variables turns traces on.
TRACES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


class AccessLog:
    """A sink that writes a line of the log for each answer."""

    def tell(self, answer: Answered) -> None:
        """Write the line."""
        asked, reply = answer.asked, answer.reply
        told = fields(
            request_id=answer.request_id, client=asked.client, method=asked.method, path=asked.path,
            status=int(reply.status), bytes=len(reply.body), model=answer.model, version=reply.version,
            ms=round(answer.ns / 1e6, 3),
        )  # fmt: skip
        logger.info("answered", extra=told)

    def close(self) -> None:
        """Nothing is held back."""


def sinks(access_log: bool, env: Mapping[str, str]) -> list[Sink]:
    """Return who wants to hear of answers: the log if asked for, traces if a variable says where they go."""
    wanted: list[Sink] = [AccessLog()] if access_log else []
    if any(env.get(name) for name in TRACES):
        try:
            from inference.observe.tracing import Tracing
        except ImportError:
            logger.warning("no traces: OpenTelemetry is not installed; install inference[tracing]")
        else:
            wanted.append(Tracing())
    return wanted
