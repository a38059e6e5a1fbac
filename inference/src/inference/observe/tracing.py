"""OpenTelemetry traces; imported only where the environment says where they go: the packages are optional.

A span is made of a request once it is answered, from the times that were taken anyway. The variables are
OpenTelemetry's own (opentelemetry.io, "Environment Variable Specification").
"""

import os
import time
from http import HTTPStatus

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from inference import __version__
from inference.observe.observer import Answered

FLUSH_MS = 2000
_W3C = TraceContextTextMapPropagator()


class Tracing:
    """A sink that makes spans of answers; they are sent from a thread of its own."""

    def __init__(self) -> None:
        """Read the variables; what cannot be sent later is told in the log."""
        os.environ.setdefault("OTEL_SERVICE_NAME", "inference")
        self._provider = TracerProvider(resource=Resource.create())
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("inference", __version__)

    def tell(self, answer: Answered) -> None:
        """Make a span of an answer, and one below it for each part of the work."""
        asked, stages = answer.asked, answer.stages
        end = time.time_ns()
        at = end - answer.ns - sum(stages.spent[:1])  # the first is the wait before
        parent = _W3C.extract({"traceparent": asked.traceparent} if asked.traceparent else {})
        name, attributes = f"{asked.method} {answer.route}", _attributes(answer)
        span = self._tracer.start_span(name, parent, SpanKind.SERVER, attributes, start_time=at)
        if answer.reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            span.set_status(Status(StatusCode.ERROR))
        below = set_span_in_context(span)
        for stage, ns in zip(*stages, strict=True):
            part = self._tracer.start_span(stage, below, start_time=at)
            at += ns
            part.end(at)
        span.end(end)

    def close(self) -> None:
        """Send what is left, as far as that goes quickly."""
        self._provider.force_flush(FLUSH_MS)


def _attributes(answer: Answered) -> dict[str, str | int]:
    """Name things as OpenTelemetry's conventions for HTTP do, and the model as we do."""
    return {
        "http.request.method": answer.asked.method,
        "url.path": answer.asked.path,
        "client.address": answer.asked.client,
        "http.response.status_code": int(answer.reply.status),
        "modelsidecar.model": answer.model,
        "modelsidecar.version": answer.reply.version,
        "modelsidecar.request_id": answer.request_id,
    }
