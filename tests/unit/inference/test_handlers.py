"""What handlers reply, without a server around them."""

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import orjson
import pytest

import models
import pictures
from inference.api.infer import infer
from inference.api.repository import post_index, post_load, post_unload
from inference.api.route import SMALL_BODY, Route, Where
from inference.api.score import score_pictures
from inference.errors import ApiError, BadRequest, Forbidden, TooLarge, Unavailable
from inference.messages import Reply, Request
from inference.models.model import Model
from inference.models.registry import Refusal, Served
from inference.protocol.limits import JsonLimits
from inference.protocol.values import Array

from .conftest import MakeModel
from .handlers import make_served, make_services, post

Outputs = dict[str, Array]


class LateError(Exception):
    """What a scheduler raises to take a run away."""


def tensor(*numbers: float, name: str = "x") -> bytes:
    """A request with one row of two numbers each."""
    data = {"name": name, "datatype": "FP32", "shape": [len(numbers) // 2, 2], "data": list(numbers)}
    return json.dumps({"inputs": [data]}).encode()


def data_of(reply: Reply) -> Any:
    return orjson.loads(reply.body)["outputs"][0]["data"]


def error_of(reply: Reply) -> str:
    return str(orjson.loads(reply.body)["error"])


def raising(error: Exception) -> Callable[..., Outputs]:
    """Run no model, but raise."""

    def run(model: Model, inputs: Mapping[str, Array], outputs: Sequence[str]) -> Outputs:
        raise error

    return run


def counts(served: Served) -> tuple[int, int, int]:
    """The requests that failed and that did not, and the runs of the model."""
    told: Any = served.stats.describe(served.name, served.version)
    ended = told["inference_stats"]
    return ended["fail"]["count"], ended["success"]["count"], told["execution_count"]


@pytest.fixture
def served(load_model: MakeModel) -> Served:
    """A model that gives back what it takes, whose requests never share a run."""
    return make_served(load_model(models.identity))


@pytest.fixture
def pictured(load_model: MakeModel) -> Served:
    """A model of pictures that takes one at a time."""
    model = load_model(partial(models.classifier, likes=7, batch=1))
    return make_served(model, {"image": {"scale": 0.0627451}})


# --- Inference ---


def test_each_request_gets_its_own_result_and_a_wrong_one_harms_no_other(served: Served) -> None:
    bodies = [tensor(1, 2), b"{", tensor(3, 4), tensor(1, 2, name="y")]
    replies = infer(make_services(), served, [post(body) for body in bodies], Model.run)
    assert [reply.status for reply in replies] == [200, 400, 200, 400]
    assert (data_of(replies[0]), data_of(replies[2])) == ([1, 2], [3, 4])
    assert {(reply.model, reply.version) for reply in replies} == {("m", "v1")}
    assert counts(served) == (2, 2, 2)


def test_a_run_gets_one_request_unless_the_bundle_asks_for_batches(load_model: MakeModel) -> None:
    rows: list[int] = []

    def run(model: Model, inputs: Mapping[str, Array], outputs: Sequence[str]) -> Outputs:
        rows.append(len(inputs["x"]))
        return model.run(inputs, outputs)

    model = load_model(models.identity)
    requests = [post(tensor(n, n)) for n in range(3)]
    infer(make_services(), make_served(model), requests, run)
    assert rows == [1, 1, 1]
    replies = infer(make_services(), make_served(model, most_rows=2), requests, run)
    assert rows[3:] == [2, 1]
    assert [data_of(reply) for reply in replies] == [[0, 0], [1, 1], [2, 2]]


@pytest.mark.parametrize("most_rows", [1, 8])
def test_a_run_that_takes_too_long_is_an_error_of_its_requests(load_model: MakeModel, most_rows: int) -> None:
    served = make_served(load_model(models.identity), most_rows=most_rows)
    late = Unavailable("the run took longer than 1 s (--run-timeout)")
    replies = infer(make_services(), served, [post(tensor(1, 2)), post(b"{")], raising(late))
    assert [reply.status for reply in replies] == [503, 400]
    assert ("Retry-After", "1") in replies[0].headers
    assert counts(served) == (2, 0, 0)


def test_a_run_that_is_taken_away_is_not_counted(served: Served) -> None:
    with pytest.raises(LateError):
        infer(make_services(), served, [post(tensor(1, 2))], raising(LateError()))
    assert counts(served) == (0, 0, 0)


def test_inference_keeps_to_the_limits_of_the_services(served: Served) -> None:
    services = make_services(max_body=100, json_limits=JsonLimits(elements=6))
    large = gzip.compress(tensor(*range(40)))
    (reply,) = infer(services, served, [post(large, CONTENT_ENCODING="gzip")], Model.run)
    assert (reply.status, "(--max-body)" in error_of(reply)) == (413, True)
    (reply,) = infer(services, served, [post(tensor(1, 2))], Model.run)
    assert (reply.status, "(--max-json-elements)" in error_of(reply)) == (413, True)


# --- Pictures ---


def pictures_of(number: int) -> Request:
    """A request with so many pictures."""
    text = pictures.text(pictures.png())
    return Request(
        "POST", "/score", "", {"CONTENT_TYPE": "application/json"}, orjson.dumps({"input": [text] * number})
    )


def test_pictures_are_scored_one_request_after_the_other_by_the_run_that_is_given(pictured: Served) -> None:
    runs: list[int] = []

    def run(model: Model, inputs: Mapping[str, Array], outputs: Sequence[str]) -> Outputs:
        runs.append(len(next(iter(inputs.values()))))
        return model.run(inputs, outputs)

    replies = score_pictures(make_services(), pictured, [pictures_of(2), pictures_of(1)], run)
    results = [orjson.loads(reply.body)["result"][0] for reply in replies]
    assert [[ranked[0][0] for ranked in result] for result in results] == [["7", "7"], ["7"]]
    assert runs == [1, 1, 1]
    assert counts(pictured) == (0, 2, 3)
    assert all(
        reply.timing and set(reply.timing.laps) == {"compute_input", "compute_infer", "compute_output"}
        for reply in replies
    )


@pytest.mark.parametrize(
    ("error", "status"), [(BadRequest("no"), 400), (Unavailable("the run took too long"), 503)]
)
def test_an_error_of_the_run_is_the_reply_and_counted(pictured: Served, error: ApiError, status: int) -> None:
    (reply,) = score_pictures(make_services(), pictured, [pictures_of(1)], raising(error))
    assert (reply.status, reply.version) == (status, "v1")
    assert counts(pictured) == (1, 0, 0)


def test_a_run_for_pictures_that_is_taken_away_is_not_counted(pictured: Served) -> None:
    with pytest.raises(LateError):
        score_pictures(make_services(), pictured, [pictures_of(1)], raising(LateError()))
    assert counts(pictured) == (0, 0, 0)


def test_a_model_of_other_data_is_named_with_its_own_path(served: Served) -> None:
    (reply,) = score_pictures(make_services(), served, [pictures_of(1)], Model.run)
    assert (reply.status, "use POST /v2/models/m/infer" in error_of(reply)) == (400, True)


# --- Bodies of routes that run no model ---


def size(services: Any, request: Request) -> Reply:
    return Reply(str(len(request.body)).encode())


@pytest.mark.parametrize("encoding", ["", "gzip"])
@pytest.mark.parametrize(("limit", "most", "cure"), [(100, 100, "reads 100 bytes"), (None, 200, "200 bytes")])
def test_a_body_may_be_as_large_as_the_limit_before_and_after_expansion(
    encoding: str, limit: int | None, most: int, cure: str
) -> None:
    route = Route("POST", "/a", "a", size, Where.THREAD, max_body=limit)
    services = make_services(max_body=200)

    def handle(length: int) -> bytes:
        body = gzip.compress(bytes(length)) if encoding else bytes(length)
        return bytes(route.handle(services, post(body, CONTENT_ENCODING=encoding)).body)

    assert handle(most) == str(most).encode()
    with pytest.raises(TooLarge, match=cure):
        handle(most + 1)


def test_a_small_server_reads_no_more_for_a_route_than_for_others() -> None:
    route = Route("POST", "/a", "a", size, max_body=SMALL_BODY)
    with pytest.raises(TooLarge, match="reads 10 bytes"):
        route.handle(make_services(max_body=10), post(bytes(11)))


# --- The repository ---


def test_the_index_lists_active_and_rejected_versions(served: Served) -> None:
    services = make_services(served)
    services.registry.put("m", refusal=Refusal("v2", "bad"))
    services.registry.put("b")
    assert orjson.loads(post_index(services, post(b"")).body) == [
        {"name": "m", "version": "v1", "state": "READY", "reason": ""},
        {"name": "m", "version": "v2", "state": "UNAVAILABLE", "reason": "bad"},
        {"name": "b", "state": "UNAVAILABLE", "reason": "no version is on the volume yet"},
    ]
    ready = orjson.loads(post_index(services, post(b'{"ready": true}')).body)
    assert [row["state"] for row in ready] == ["READY"]


def test_a_rejected_version_that_loads_again_is_listed_once() -> None:
    services = make_services()
    services.registry.put("a", refusal=Refusal("v2", "bad"), loading="v2")
    assert [row["state"] for row in orjson.loads(post_index(services, post(b"")).body)] == ["LOADING"]


def test_the_index_names_what_ready_must_be_and_keeps_to_the_limits_of_json() -> None:
    with pytest.raises(BadRequest, match="ready: must be true or false"):
        post_index(make_services(), post(b'{"ready": 1}'))
    with pytest.raises(TooLarge, match="--max-json-depth"):
        post_index(make_services(json_limits=JsonLimits(depth=2)), post(b'{"ready": [[[]]]}'))


def test_only_a_server_that_allows_it_loads_and_unloads() -> None:
    done: list[tuple[str, bool]] = []

    def control(name: str, *, load: bool) -> None:
        done.append((name, load))

    request = post(b"")._replace(params={"model": "m"})
    for handler in (post_load, post_unload):
        with pytest.raises(Forbidden, match="--repository-control on"):
            handler(make_services(), request)
        assert handler(make_services(control=control), request).status == 200
    assert done == [("m", True), ("m", False)]


@pytest.mark.parametrize("handler", [post_load, post_unload])
@pytest.mark.parametrize(
    ("origin", "is_allowed"),
    [
        ("http://a:8080", True),
        ("https://a:8080", True),
        ("http://a", False),
        ("http://b", False),
        ("null", False),
    ],
)
def test_a_page_of_another_origin_loads_and_unloads_nothing(
    handler: Any, origin: str, is_allowed: bool
) -> None:
    done: list[str] = []
    services = make_services(control=lambda name, *, load: done.append(name))
    request = post(b"", HOST="a:8080", ORIGIN=origin)._replace(params={"model": "m"})
    if is_allowed:
        handler(services, request)
    else:
        with pytest.raises(Forbidden, match="pages of other origins"):
            handler(services, request)
    assert done == ["m"] * is_allowed


@pytest.mark.parametrize(
    ("handler", "body", "sentence"),
    [
        (post_load, b'{"parameters": {"config": "{}"}}', "parameters: config: a bundle is served as it was"),
        (post_load, b'{"parameters": []}', "parameters: must be an object"),
        (
            post_unload,
            b'{"parameters": {"unload_dependents": 1}}',
            "unload_dependents: must be true or false",
        ),
    ],
)
def test_names_what_is_wrong_with_a_load_or_an_unload(handler: Any, body: bytes, sentence: str) -> None:
    with pytest.raises(BadRequest, match=sentence):
        handler(make_services(control=lambda name, *, load: None), post(body))
