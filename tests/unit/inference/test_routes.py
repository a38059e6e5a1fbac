"""The route table, and what derives from it."""

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import models
from inference.api.admin import admin_routes
from inference.api.docs import with_docs
from inference.api.openapi import document
from inference.api.query import MOST_PARAMETERS
from inference.api.replies import json_reply
from inference.api.route import SMALL_BODY, Found, Route, Where, model_of
from inference.api.routes import PUBLIC
from inference.api.services import Services
from inference.api.table import REMEMBERED, REMEMBERED_CHARACTERS, Table
from inference.messages import Reply, Request
from inference.observe.exposition import State

from .conftest import MakeModel
from .handlers import make_client, make_served, make_services

TABLE = Table(PUBLIC)
# A path of each route, as a client writes it.
EXAMPLES = [(route, re.sub(r"{\w+}", "a", route.path)) for route in PUBLIC]


def found(path: str, method: str = "GET", table: Table = TABLE) -> Found:
    result = table.find(method, path)
    assert isinstance(result, Found), result
    return result


def refused(path: str, method: str = "GET", table: Table = TABLE) -> Reply:
    result = table.find(method, path)
    assert isinstance(result, Reply), result
    return result


def echo(services: Services, request: Request) -> Reply:
    return json_reply({"size": len(request.body), "params": dict(request.params)})


@pytest.mark.parametrize(("route", "path"), EXAMPLES, ids=[f"{r.method} {r.path}" for r in PUBLIC])
def test_each_route_is_found_by_its_method_and_path(route: Route, path: str) -> None:
    assert found(path, route.method).route is route


def test_each_route_is_served_by_flask_or_by_the_scheduler_and_never_by_both() -> None:
    by_flask = [id(route) for _, route in TABLE.flask_rules()]
    by_scheduler = [id(route) for route in PUBLIC if route.where is not Where.LOOP]
    assert sorted(by_flask + by_scheduler) == sorted(map(id, PUBLIC))
    assert {route.name for route in PUBLIC if route.where is Where.MODEL} == {"score", "infer"}


def test_flask_finds_what_the_table_finds_and_no_route_of_a_thread() -> None:
    client = make_client(make_services())
    adapter = client.application.url_map.bind("")
    for route, path in EXAMPLES:
        assert adapter.test(path, route.method) == (route.where is Where.LOOP), route


@given(st.text(st.sampled_from("/va2.-_{ é%"), max_size=12), st.sampled_from(["GET", "HEAD", "POST", "PUT"]))
def test_flask_and_the_table_agree_about_any_path(rest: str, method: str) -> None:
    adapter = make_client(make_services()).application.url_map.bind("")
    # Werkzeug reads several slashes at the start as one; the front refuses them before Flask sees them.
    for path in (f"/{rest.lstrip('/')}", f"/v2/models/{rest}"):
        result = TABLE.find(method, path)
        in_table = isinstance(result, Found) and result.route.where is Where.LOOP
        assert adapter.test(path, method) == in_table, path


def test_parameters_are_those_of_the_path() -> None:
    assert dict(found("/v2/models/a/versions/b.1/infer", "POST").params) == {"model": "a", "version": "b.1"}
    assert dict(found("/v2/models/a").params) == {"model": "a"}
    assert dict(found("/v2/models/stats").params) == {}


def test_a_path_with_text_wins_over_one_with_a_parameter() -> None:
    assert found("/v2/models/stats").route.name == "all_stats"
    assert found("/v2/models/stats/stats").params["model"] == "stats"
    assert found("/v2/models/stats/infer", "POST").params["model"] == "stats"


def test_head_finds_the_route_of_get() -> None:
    assert found("/version", "HEAD").route is found("/version").route
    assert refused("/score", "HEAD").status == 405


@pytest.mark.parametrize(
    "path",
    [
        "//score",
        "/score/",
        "/score//",
        "/Score",
        "/./score",
        "/score\n",
        "",
        "/v2/",
        "/v2//models",
        "/v2/models/",
        "/v2/models/a/",
        "/v2/models/a/versions//infer",
        "/v2/models//infer",
        "/v2/models/a/versions/infer/",
        "score",
        "/" * 5000,
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_path_that_is_not_exactly_one_of_the_table_is_not_found(path: str, method: str) -> None:
    assert refused(path, method).status == 404


@pytest.mark.parametrize(
    "name", ["a b", "-a", ".", "..", "é", "a" * 129, "a%2Fb", "a\n", "a\0", "<a>", "{model}"]
)
def test_a_name_that_the_contract_does_not_allow_is_not_found_and_named(name: str) -> None:
    for path, kind in ((f"/v2/models/{name}", "model"), (f"/v2/models/a/versions/{name}/infer", "version")):
        reply = refused(path, "POST")
        assert reply.status == 404
        assert reply.body.decode().startswith(f'{{"error":"{kind} ')
        assert b"no such name" in reply.body


def test_a_name_may_have_128_characters() -> None:
    assert found(f"/v2/models/{'a' * 128}").params["model"] == "a" * 128


@pytest.mark.parametrize(
    ("method", "path", "allow", "sentence"),
    [
        ("GET", "/score", "OPTIONS, POST", "/score: GET is not allowed; use POST"),
        ("PUT", "/", "GET, HEAD, OPTIONS", "/: PUT is not allowed; use GET"),
        (
            "DELETE",
            "/v2/models/a/infer",
            "OPTIONS, POST",
            "/v2/models/a/infer: DELETE is not allowed; use POST",
        ),
        ("get", "/version", "GET, HEAD, OPTIONS", "/version: get is not allowed; use GET"),
    ],
)
def test_another_method_is_refused_with_those_that_are_allowed(
    method: str, path: str, allow: str, sentence: str
) -> None:
    reply = refused(path, method)
    assert (reply.status, reply.headers) == (405, (("Allow", allow),))
    assert sentence in reply.body.decode()


def test_options_names_the_methods_of_a_path_and_of_the_server() -> None:
    reply = refused("/score", "OPTIONS")
    assert (reply.status, reply.body, reply.content_type) == (204, b"", "")
    assert reply.headers == (("Allow", "OPTIONS, POST"),)
    assert refused("*", "OPTIONS").headers == (("Allow", "GET, HEAD, OPTIONS, POST"),)


def test_an_unknown_path_is_told_where_the_paths_are() -> None:
    assert b'"/v3: no such path; /docs lists all paths"' in refused("/v3").body
    admin = Table((Route("GET", "/healthz", "healthz", echo), Route("GET", "/readyz", "readyz", echo)))
    assert b'"/: no such path; there is /healthz, /readyz"' in refused("/", table=admin).body


def test_a_long_path_is_cut_in_the_error_and_not_remembered() -> None:
    table = Table(PUBLIC)
    assert len(refused("/" + "x" * 30_000, table=table).body) < 400
    assert len(refused("/v2/models/" + "-" * 30_000, table=table).body) < 400
    assert table.remembered == 0
    refused("/" + "x" * (REMEMBERED_CHARACTERS - 1), table=table)
    assert table.remembered == 1
    refused("/" + "x" * REMEMBERED_CHARACTERS, table=table)
    assert table.remembered == 1


def test_only_so_many_paths_are_remembered() -> None:
    table = Table(PUBLIC)
    for number in range(REMEMBERED + 10):
        refused(f"/{number}", table=table)
    assert table.remembered == REMEMBERED


@pytest.mark.parametrize("path", ["/a/{model}", "/a/{other}"])
def test_two_routes_may_not_answer_the_same_requests(path: str) -> None:
    with pytest.raises(ValueError, match="another route has this path"):
        Table((Route("GET", "/a/{model}", "a", echo), Route("GET", path, "b", echo)))


@pytest.mark.parametrize("limit", [None, SMALL_BODY + 1])
def test_the_io_loop_reads_no_large_body(limit: int | None) -> None:
    with pytest.raises(ValueError, match="the I/O loop reads at most 65536 bytes"):
        Route("POST", "/a", "a", echo, max_body=limit)


def query_of(path: str, query: str = "", method: str = "POST") -> tuple[str, str | None]:
    return model_of(found(path, method), query)


def test_a_request_is_about_the_model_of_its_path_or_of_its_query_or_the_default_one() -> None:
    assert query_of("/v2/models/a/infer", "model=b") == ("a", None)
    assert query_of("/v2/models/a/versions/v1/infer") == ("a", "v1")
    assert query_of("/score") == ("", None)
    assert query_of("/score", "x=1&model=a%2Bb&model=c") == ("a+b", None)
    assert query_of("/score", "model") == query_of("/score", "&model=") == ("", None)


def test_only_so_many_parameters_of_a_query_are_read() -> None:
    assert query_of("/score", "x&" * (MOST_PARAMETERS - 1) + "model=a") == ("a", None)
    assert query_of("/score", "x&" * MOST_PARAMETERS + "model=a") == ("", None)
    assert query_of("/score", "x" * 10_000 + "&model=a") == ("a", None)


def test_the_document_lists_exactly_the_routes_of_the_table() -> None:
    paths: dict[str, dict[str, Any]] = document(PUBLIC)["paths"]
    listed = [(method.upper(), path) for path, methods in paths.items() for method in methods]
    assert sorted(listed) == sorted((route.method, route.path) for route in PUBLIC)


def test_each_operation_has_an_identity_and_the_parameters_of_its_path() -> None:
    operations = [
        (path, operation)
        for path, methods in document(PUBLIC)["paths"].items()
        for operation in methods.values()
    ]
    assert len({operation["operationId"] for _, operation in operations}) == len(PUBLIC)
    for path, operation in operations:
        parameters = operation.get("parameters", [])
        assert re.findall(r"{(\w+)}", path) == [p["name"] for p in parameters if p["in"] == "path"]
        has_encoding = any(p["name"] == "Content-Encoding" for p in parameters)
        assert has_encoding == ("requestBody" in operation)


def test_a_new_route_is_served_listed_and_limited_with_one_line() -> None:
    new = Route("POST", "/v2/models/{model}/echo", "echo", echo, doc={"summary": "Echo", "responses": {}})
    table = Table(with_docs((*PUBLIC[:-2], new)))
    client = make_client(make_services(), table=table)
    assert client.post("/v2/models/a/echo", data=b"1234").json == {"size": 4, "params": {"model": "a"}}
    described = client.get("/openapi.json").get_json()["paths"]
    assert described["/v2/models/{model}/echo"]["post"]["summary"] == "Echo"
    assert "/v2/models/{model}/echo" in client.get("/docs").text
    assert refused("/v2/models/a/echo", table=table).headers == (("Allow", "OPTIONS, POST"),)
    assert client.post("/v2/models/a/echo", data=bytes(SMALL_BODY)).get_json()["size"] == SMALL_BODY
    assert client.post("/v2/models/a/echo", data=bytes(SMALL_BODY + 1)).status_code == 413


def test_the_endpoint_of_the_docs_works_as_it_is_written_there(load_model: MakeModel) -> None:
    page = (Path(__file__).parents[3] / "docs/architecture.md").read_text()
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert code
    module: dict[str, Any] = {}
    exec(textwrap.dedent(code[1]), module)
    table = Table(with_docs((*PUBLIC[:-2], *module["ROUTES"])))
    served = make_served(load_model(models.identity))
    client = make_client(make_services(served), table=table)
    for path in ("/v2/models/m/labels", "/v2/models/m/versions/v1/labels"):
        reply = client.get(path)
        assert (reply.json, reply.headers["X-Model-Version"]) == ({"labels": []}, "v1")
    described = client.get("/openapi.json").get_json()["paths"]
    assert described["/v2/models/{model}/labels"]["get"]["summary"] == "Return a model's labels"


def test_the_admin_port_has_routes_of_the_same_kind() -> None:
    state = State(make_services().registry, None)  # type: ignore[arg-type] # not asked for metrics here
    routes = admin_routes(state, triton=False)
    assert [(route.method, route.path) for route in routes] == [
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/metrics"),
    ]
    assert all(route.where is Where.LOOP for route in routes)
