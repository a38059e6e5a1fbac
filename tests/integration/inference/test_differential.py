"""No other parser of HTTP sees fewer requests in the same bytes than the server: none can be smuggled."""

import pytest

from framing import CASES, NEXT, SEEN, Case
from referee import ask, seen_by_gunicorn, seen_by_h11, statuses
from servers import Server

PREVIOUS = NEXT.replace(b"/next", b"/previous")
PARSERS = {"h11": seen_by_h11, "gunicorn": seen_by_gunicorn}

# What these parsers refuse, although a server should or may read it.
STRICTER = {
    "h11": {
        "an empty line before it": "RFC 9112, section 2.2: ignore it",
        "three empty lines before it": "RFC 9112, section 2.2: ignore at least one",
        "HTTP/1.0 kept": "RFC 9112, section 9.3: a server may keep it",
        "Content-Length b' 000000000000000000005'": "RFC 9110, section 8.6: any number of digits",
    },
    "gunicorn": {
        "three empty lines before it": "RFC 9112, section 2.2: ignore at least one",
        "a value of 8 KiB": "a limit of its own, of 8,190 bytes",
        "trailer Host: y": "RFC 9110, section 6.5.1: ignore it",
        "trailer Trailer: X": "RFC 9110, section 6.5.1: ignore it",
    },
}
FORMS = ("alone", "after another", "before another")
# A longer one would take longer byte by byte, and show nothing else.
MOST_BYTES = 400


def sent(case: Case, form: str) -> bytes:
    """The bytes of a case, and of the requests around it."""
    before = PREVIOUS if form == "after another" else b""
    after = NEXT if form == "before another" else b""
    return before + case.data + after


def due(case: Case, form: str) -> list[int]:
    """The statuses that a client should see."""
    before = [SEEN] if form == "after another" else []
    after = [SEEN] if form == "before another" and not case.ends else []
    return [*before, case.status, *after]


def methods(case: Case, form: str) -> list[str]:
    """The methods of the requests, as a client knows them."""
    own = case.data.lstrip(b"\r\n").split(b" ")[0].decode("latin-1")
    return ["GET"] * (form == "after another") + [own, "GET"]


def named(case: Case) -> str:
    return case.name


def test_there_are_many_cases_and_each_has_a_name() -> None:
    assert len({case.name for case in CASES}) == len(CASES) > 240
    for known in STRICTER.values():
        assert set(known) <= {case.name for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=named)
def test_reads_or_refuses_as_the_standard_says(server: Server, case: Case) -> None:
    for form in FORMS:
        received = ask(server.port, sent(case, form), not case.ends)
        assert statuses(received, methods(case, form)) == due(case, form), (form, received)
        assert b"smuggled" not in received


@pytest.mark.parametrize("case", [case for case in CASES if len(case.data) <= MOST_BYTES], ids=named)
def test_reads_the_same_byte_by_byte(server: Server, case: Case) -> None:
    received = ask(server.port, case.data, not case.ends, at_once=1)
    assert statuses(received, methods(case, "alone")) == due(case, "alone"), received


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("case", CASES, ids=named)
def test_no_other_parser_sees_fewer_requests(case: Case, parser: str) -> None:
    if case.name in STRICTER[parser]:
        return
    for form in FORMS:
        seen = PARSERS[parser](sent(case, form))
        assert due(case, form).count(SEEN) <= len(seen), (form, seen)
