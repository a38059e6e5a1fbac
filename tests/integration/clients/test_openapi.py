"""Requests made up from /openapi.json: no failure, and no answer that it does not describe."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import orjson
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

import models
from inference.api.openapi import document
from inference.api.routes import PUBLIC
from servers import Server
from volumes import Volume

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of one model that nothing unloads."""
    volume = Volume(tmp_path_factory.mktemp("volume"))
    volume.add("digits", "v1", partial(models.classifier, likes=7), {"image": {"scale": 0.0627451}})
    volume.point("digits", "v1")
    server = Server(volume.root, tmp_path_factory.mktemp("log") / "log").wait_ready()
    yield server
    assert server.logged("a request failed") == []
    assert server.stop() == 0


def described() -> dict[str, Any]:
    """Return the description, with names that are there: others only ever get a 404."""
    # A copy: the tester changes what it is given.
    api: dict[str, Any] = orjson.loads(orjson.dumps(document(PUBLIC)))
    names = {"model": ["digits"], "version": ["v1"]}
    for path in api["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", ()):
                if parameter["name"] in names:
                    parameter["schema"] = {"type": "string", "enum": names[parameter["name"]]}
    return api


def test_every_operation_that_is_described_is_served(fuzzed: Server) -> None:
    for path, operations in described()["paths"].items():
        real = path.replace("{model}", "digits").replace("{version}", "v1")
        methods = fuzzed.request("OPTIONS", real).headers["allow"].split(", ")
        assert {method.lower() for method in methods} - {"head", "options"} == set(operations), path


schema = schemathesis.openapi.from_dict(described())


@schema.parametrize()
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_answers_as_described(case: Any, fuzzed: Server) -> None:
    case.call_and_validate(base_url=f"http://127.0.0.1:{fuzzed.port}", checks=CHECKS, timeout=30)


def test_the_description_and_the_page_are_served_without_anything_external(fuzzed: Server) -> None:
    assert fuzzed.get("/openapi.json").json() == document(PUBLIC)
    page = fuzzed.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert b"/v2/models/{model}/infer" in page.body
    assert b"://" not in page.body
