"""What the server tells of the requests that it answers: headers, metrics, a log, traces."""

import os
import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

import models
from servers import JSON, Server, eventually
from volumes import Volume

from .conftest import INFER, StartServer, image

BODY = {"inputs": [image(shape=(3, 1, 8, 8))]}
MS = r"\d+\.\d{3}"


def values(server: Server, name: str, **labels: str) -> dict[tuple[str, ...], float]:
    """Return the samples of a name that have these labels, by the values of the others."""
    found = {}
    for family in text_string_to_metric_families(server.admin("/metrics").body.decode()):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                others = sorted(key for key in sample.labels if key not in labels)
                found[tuple(sample.labels[key] for key in others)] = sample.value
    return found


@pytest.fixture
def digits(volume: Volume) -> Volume:
    """A volume with one model."""
    volume.add("digits", "v1", partial(models.classifier, likes=7))
    volume.point("digits", "v1")
    return volume


def test_every_answer_has_an_id_and_one_of_a_model_its_times(server: Server) -> None:
    answer = server.post(INFER, BODY)
    assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["x-request-id"])
    stages = rf"queue;dur={MS}, pre;dur={MS}, infer;dur={MS}, post;dur={MS}"
    assert re.fullmatch(stages, answer.headers["server-timing"])
    assert server.get("/version").headers["x-request-id"] != answer.headers["x-request-id"]
    assert "server-timing" not in server.get("/version").headers
    assert server.get("/no-such-path").headers["x-request-id"]


@pytest.mark.parametrize("path", [INFER, "/version"])
def test_a_client_may_name_its_request(server: Server, path: str) -> None:
    send: Callable[[str], str] = lambda said: server.request(  # noqa: E731
        "POST", path, b"{}", {**JSON, "X-Request-Id": said}
    ).headers["x-request-id"]
    assert send("order-7/a b") == "order-7/a b"
    assert re.fullmatch(r"[0-9a-f]{16}", send("x" * 129))


def test_metrics_tell_versions_and_stages_and_batches_apart(digits: Volume, start: StartServer) -> None:
    server = start("--poll", "1h").wait_ready()
    assert server.post(INFER, BODY).status == 200
    assert server.post(INFER, {}).status == 400
    requests = values(server, "modelsidecar_inference_requests_total", model="digits", route="infer")
    assert requests == {("200", "v1"): 1, ("400", "v1"): 1}
    count = values(server, "modelsidecar_inference_stage_seconds_count", model="digits", version="v1")
    assert count == {("queue",): 2, ("pre",): 2, ("infer",): 1, ("post",): 1}
    sizes = values(server, "modelsidecar_inference_batch_size_bucket", model="digits", version="v1")
    assert sizes[("2.0",)] == 0
    assert sizes[("4.0",)] == 1


def test_metrics_of_a_version_go_when_it_was_replaced_twice(digits: Volume, start: StartServer) -> None:
    server = start("--poll", "1h").wait_ready()
    for version in ("v2", "v3"):
        server.post(INFER, BODY)
        digits.add("digits", version, partial(models.classifier, likes=7))
        digits.point("digits", version)
        server.wait_version(version)
    server.post(INFER, BODY)
    count = values(server, "modelsidecar_inference_batch_size_count", model="digits")
    assert count == {("v2",): 1, ("v3",): 1}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_tells_the_metrics_under_tritons_names_too(digits: Volume, start: StartServer, workers: str) -> None:
    server = start("--triton-metrics", "on", "--workers", workers).wait_ready()
    for _ in range(4):
        # Another worker than the one that said so may not be ready yet.
        eventually(lambda: server.post(INFER, BODY).status == 200, "an answer")
    eventually(lambda: server.post(INFER, {}).status == 400, "a refusal")
    of = {"model": "digits", "version": "v1"}
    expected = {"request_success": 4.0, "count": 12.0, "exec_count": 4.0, "request_failure": 1.0}

    def told() -> dict[str, float]:
        return {name: sum(values(server, f"nv_inference_{name}", **of).values()) for name in expected}

    # A worker tells the others a second later at most.
    eventually(lambda: told() == expected, f"{expected} of all workers")
    assert values(server, "nv_inference_request_failure", **of) == {("OTHER",): 1}
    for name in ("request", "queue", "compute_input", "compute_infer", "compute_output"):
        assert values(server, f"nv_inference_{name}_duration_us", **of)[()] > 0
    assert values(server, "nv_inference_pending_request_count") == {(): 0}


def test_logs_every_request_if_asked_to(digits: Volume, start: StartServer) -> None:
    server = start("--access-log", "on", "--concurrency", "1", "--queue", "1").wait_ready()
    server.request("POST", INFER, b"{}", {**JSON, "X-Request-Id": "mine"})
    server.get("/version")
    server.request("POST", INFER, b"x" * (65 << 20))
    eventually(lambda: len(server.logged("answered")) == 3, "three lines")
    bad, version, large = server.logged("answered")
    assert bad.items() >= {
        "level": "info", "request_id": "mine", "client": "127.0.0.1", "method": "POST", "path": INFER,
        "status": 400, "model": "digits", "version": "v1",
    }.items()  # fmt: skip
    assert bad["bytes"] > 0
    assert bad["ms"] > 0
    assert version["path"] == "/version"
    assert large["status"] == 413


def test_logs_no_request_unless_asked_to(digits: Volume, start: StartServer) -> None:
    server = start().wait_ready()
    server.get("/version")
    assert server.stop() == 0
    assert server.logged("answered") == []


class Collector:
    """Takes traces as OpenTelemetry's collector does: protobuf over HTTP."""

    def __init__(self) -> None:
        """Listen."""
        self.spans: list[Any] = []
        self.services: set[str] = set()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.take(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, request: ExportTraceServiceRequest) -> None:
        """Keep the spans."""
        for resource in request.resource_spans:
            names = {item.key: item.value.string_value for item in resource.resource.attributes}
            self.services.add(names["service.name"])
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector, which the environment names."""
    collector = Collector()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    yield collector
    collector.server.shutdown()
    collector.server.server_close()


def test_sends_traces_that_go_on_with_the_clients(
    digits: Volume, start: StartServer, collector: Collector
) -> None:
    server = start().wait_ready()
    trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    server.post(INFER, BODY)
    server.request("POST", INFER, b"{}", {**JSON, "traceparent": f"00-{trace}-{span}-01"})
    assert server.stop() == 0
    assert collector.services == {"inference"}
    tops = [one for one in collector.spans if one.name == "POST infer"]
    (alone, top) = sorted(tops, key=lambda one: one.trace_id.hex() == trace)
    assert top.parent_span_id.hex() == span
    told = {item.key: item.value for item in alone.attributes}
    assert told["modelsidecar.model"].string_value == "digits"
    assert told["modelsidecar.version"].string_value == "v1"
    assert told["http.response.status_code"].int_value == 200
    parts = [one for one in collector.spans if one.parent_span_id == alone.span_id]
    assert [one.name for one in parts] == ["queue", "pre", "infer", "post"]
    assert all(alone.start_time_unix_nano <= one.start_time_unix_nano for one in parts)
    assert all(one.end_time_unix_nano <= alone.end_time_unix_nano for one in parts)


def test_a_collector_that_is_away_harms_nothing(
    digits: Volume, start: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    server = start().wait_ready()
    assert server.post(INFER, BODY).status == 200
    assert server.stop() == 0


def test_without_the_packages_it_says_how_to_get_traces(
    digits: Volume, start: StartServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    # A package of that name that has nothing in it is found first.
    (tmp_path / "hidden/opentelemetry").mkdir(parents=True)
    (tmp_path / "hidden/opentelemetry/__init__.py").touch()
    path = os.pathsep.join(filter(None, (str(tmp_path / "hidden"), os.environ.get("PYTHONPATH"))))
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    server = start().wait_ready()
    assert server.logged("no traces: OpenTelemetry is not installed; install inference[tracing]")
    assert server.post(INFER, BODY).status == 200
