"""Which pages of other origins may read replies, and what pages may do."""

import re
from base64 import b64encode
from hashlib import sha256

import pytest

from inference.api.cors import cors_headers, preflighted
from inference.api.html import policy_of, render
from inference.messages import Headers, Reply
from inference.settings import read_settings

from .handlers import make_client, make_services

ONE = ("https://a.example", "http://localhost:3000")
ASKS = {"ORIGIN": ONE[0], "ACCESS_CONTROL_REQUEST_METHOD": "POST"}
OPTIONS = Reply(b"", 204, "", (("Allow", "OPTIONS, POST"),))


def allowed(headers: Headers) -> str | None:
    return dict(headers).get("Access-Control-Allow-Origin")


@pytest.mark.parametrize("origin", [None, "https://a.example", "null"])
def test_no_reply_has_a_header_about_origins_unless_the_setting_is_given(origin: str | None) -> None:
    assert cors_headers((), origin) == ()
    assert preflighted(OPTIONS, (), ASKS) == OPTIONS


def test_an_origin_of_the_list_may_read_and_caches_keep_origins_apart() -> None:
    for origin in ONE:
        headers = cors_headers(ONE, origin)
        assert allowed(headers) == origin
        assert ("Vary", "Origin") in headers
        assert "X-Model-Version" in dict(headers)["Access-Control-Expose-Headers"]


@pytest.mark.parametrize(
    "origin",
    [None, "", "null", "https://b.example", "http://a.example", "https://a.example:444", "https://A.EXAMPLE"],
)
def test_any_other_origin_may_not(origin: str | None) -> None:
    assert cors_headers(ONE, origin) == (("Vary", "Origin"),)


@pytest.mark.parametrize("origin", [None, "https://b.example", "null"])
def test_a_star_allows_all_with_the_same_headers_for_each(origin: str | None) -> None:
    headers = cors_headers(("*",), origin)
    assert allowed(headers) == "*"
    assert "Vary" not in dict(headers)


@pytest.mark.parametrize("origins", [ONE, ("*",)])
def test_a_preflight_request_is_told_the_methods_of_its_path(origins: tuple[str, ...]) -> None:
    reply = preflighted(OPTIONS, origins, ASKS)
    headers = dict(reply.headers)
    assert (reply.status, headers["Access-Control-Allow-Methods"]) == (204, "OPTIONS, POST")
    assert headers["Access-Control-Allow-Headers"] == "*, Authorization"
    assert int(headers["Access-Control-Max-Age"]) > 0


@pytest.mark.parametrize(
    ("reply", "headers"),
    [
        (OPTIONS, {"ORIGIN": ONE[0]}),
        (OPTIONS, {"ACCESS_CONTROL_REQUEST_METHOD": "POST"}),
        (OPTIONS, ASKS | {"ORIGIN": "https://b.example"}),
        (Reply(b"{}", 404), ASKS),
    ],
)
def test_what_is_no_allowed_preflight_request_gets_the_plain_reply(
    reply: Reply, headers: dict[str, str]
) -> None:
    assert preflighted(reply, ONE, headers) == reply


def test_flask_replies_have_them_and_errors_too() -> None:
    client = make_client(make_services(), origins=ONE)
    for path in ("/version", "/v2", "/v2/models/none"):
        reply = client.get(path, headers={"Origin": ONE[1]})
        assert reply.headers["Access-Control-Allow-Origin"] == ONE[1]
        assert "Origin" in reply.headers.getlist("Vary")
        assert "Access-Control-Allow-Origin" not in client.get(path, headers={"Origin": "http://b"}).headers
    assert "Vary" not in make_client(make_services()).get("/v2", headers={"Origin": ONE[1]}).headers


def test_the_setting_reads_origins_as_browsers_send_them(tmp_path: object) -> None:
    settings = read_settings(
        {"volume": str(tmp_path), "cors_origin": ("https://A.example http://[::1]:3000",)}
    )
    assert settings.cors_origin == ("https://a.example", "http://[::1]:3000")
    assert read_settings({"volume": str(tmp_path)}).cors_origin == ()


def policy(headers: Headers) -> dict[str, str]:
    """The directives of a page's policy."""
    return dict(part.split(" ", 1) for part in dict(headers)["Content-Security-Policy"].split("; "))


def hashes(text: bytes, tag: str) -> set[str]:
    """The hashes that a browser makes of all scripts or styles in a page which it would run."""
    inner = re.findall(rf"<{tag}>(.*?)</{tag}>".encode(), text, re.DOTALL)
    return {f"'sha256-{b64encode(sha256(one).digest()).decode()}'" for one in inner}


@pytest.mark.parametrize(("path", "scripts"), [("/", 1), ("/docs", 0)])
def test_a_page_runs_its_own_script_and_nothing_else_and_in_no_frame(path: str, scripts: int) -> None:
    page = make_client(make_services()).get(path, headers={"Accept": "text/html"})
    rules = policy(tuple(page.headers.items()))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert len(hashes(page.data, "script")) == scripts
    assert rules["script-src"] == (" ".join(hashes(page.data, "script")) or "'none'")
    assert rules["style-src"] == " ".join(hashes(page.data, "style"))
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    # Attributes would need 'unsafe-inline'.
    assert not re.search(rb"<[^>]+ (?:style|on\w+)=", page.data)


def test_a_value_of_a_page_changes_no_script() -> None:
    sly = "</script><script>alert(1)</script>"
    values = {"models": [sly, "b"], "model": sly, "version": "v1", "inputs": [], "outputs": [], "server": sly}
    page = render("page.html", page=values)
    assert sly.encode() not in page.body
    assert {policy(page.headers)["script-src"]} == hashes(page.body, "script")
    assert policy_of("page.html") == dict(page.headers)["Content-Security-Policy"]


def test_every_reply_with_a_body_names_its_type_for_good() -> None:
    client = make_client(make_services())
    for path in ("/", "/v2", "/v2/models/none", "/openapi.json"):
        assert client.get(path).headers["X-Content-Type-Options"] == "nosniff"
