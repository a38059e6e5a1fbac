"""The Flask application: views, headers, errors, and what is recorded of each response."""

import gzip
from typing import Any

import pytest

import models
from inference.api.app import create_app
from inference.api.route import Route
from inference.api.routes import PUBLIC
from inference.api.table import Table
from inference.errors import Unavailable
from inference.messages import Reply, Request
from inference.models.registry import Served
from inference.observe.observer import Answered, Observer

from .conftest import MakeModel
from .handlers import make_client, make_served, make_services


class Records:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.answers: list[Answered] = []

    def tell(self, answer: Answered) -> None:
        """Keep it."""
        self.answers.append(answer)

    def close(self) -> None:
        """Keep all."""


@pytest.fixture
def served(load_model: MakeModel) -> Served:
    """A model that gives back what it takes."""
    return make_served(load_model(models.identity))


def test_describes_a_model_and_says_which_version_it_is_about(served: Served) -> None:
    client = make_client(make_services(served))
    for path in ("/v2/models/m", "/v2/models/m/versions/v1", "/version", "/version?model=m"):
        reply = client.get(path)
        assert (reply.status_code, reply.headers["X-Model-Version"]) == (200, "v1")
    for suffix in ("/ready", "/config", "/stats"):
        assert (
            client.get(f"/v2/models/m/versions/v1{suffix}").json == client.get(f"/v2/models/m{suffix}").json
        )
        assert client.get(f"/v2/models/m/versions/v2{suffix}").status_code == 404


def test_a_handler_gets_the_request_as_the_client_sent_it() -> None:
    seen: list[Request] = []

    def keep(services: Any, request: Request) -> Reply:
        seen.append(request)
        return Reply(b"", content_type="")

    table = Table((Route("POST", "/a/{rest}", "a", keep),))
    client = make_client(make_services(), table=table)
    sent = {"X-Two": "b", "Content-Type": "text/x", "Content-Encoding": "gzip"}
    reply = client.post("/a/caf%C3%A9?x=%41&y", data=gzip.compress(b"body"), headers=sent)
    assert (reply.status_code, reply.data, "Content-Type" in reply.headers) == (200, b"", False)
    (request,) = seen
    assert (request.method, request.path, request.query) == ("POST", "/a/café", "x=%41&y")
    assert (dict(request.params), request.body, request.client) == ({"rest": "café"}, b"body", "127.0.0.1")
    assert (request.headers["X_TWO"], request.headers["CONTENT_TYPE"]) == ("b", "text/x")


def test_large_replies_are_compressed_for_those_who_ask() -> None:
    client = make_client(make_services())
    plain = client.get("/openapi.json")
    reply = client.get("/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert (reply.headers["Content-Encoding"], reply.headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert gzip.decompress(reply.data) == plain.data


def test_an_error_is_json_with_the_status_and_headers_of_its_kind(served: Served) -> None:
    def fail(services: Any, request: Request) -> Reply:
        raise Unavailable("later") if request.query else RuntimeError("a secret")

    client = make_client(make_services(), table=Table((Route("GET", "/fail", "fail", fail),)))
    late = client.get("/fail?late")
    assert (late.status_code, late.json, late.headers["Retry-After"]) == (503, {"error": "later"}, "1")
    wrong = client.get("/fail")
    assert (wrong.status_code, wrong.json) == (
        500,
        {"error": "the server failed: RuntimeError; its log says more"},
    )
    assert make_client(make_services(served)).get("/v2/models/none").status_code == 404


def test_each_response_is_recorded_once_by_the_name_of_its_route(served: Served) -> None:
    records = Records()
    client = create_app(Table(PUBLIC), make_services(served), Observer(records)).test_client()
    replies = [
        client.get(path, headers={"X-Request-Id": path})
        for path in ("/v2/models/m", "/v2/models/m/versions/v1", "/v2/models/none/ready", "/version")
    ]
    assert [reply.headers["X-Request-Id"] for reply in replies] == [a.asked.path for a in records.answers]
    told = [
        (answer.route, answer.model, answer.reply.version, answer.reply.status) for answer in records.answers
    ]
    assert told == [
        ("metadata", "m", "v1", 200),
        ("metadata", "m", "v1", 200),
        ("model_ready", "", "", 404),
        ("version", "m", "v1", 200),
    ]


@pytest.mark.parametrize(("method", "size"), [("GET", 0), ("POST", 4)])
def test_a_handler_gets_no_body_of_a_get(method: str, size: int) -> None:
    def measure(services: Any, request: Request) -> Reply:
        return Reply(str(len(request.body)).encode())

    client = make_client(make_services(), table=Table((Route(method, "/a", "a", measure),)))
    assert client.open("/a", method=method, data=b"body").data == str(size).encode()
