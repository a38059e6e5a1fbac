"""Pages of HTML, with the headers that keep them from running or loading anything foreign."""

import base64
import re
from functools import cache
from hashlib import sha256
from typing import Any

from jinja2 import Environment, PackageLoader

from inference.messages import Headers, Reply

HTML = "text/html; charset=utf-8"
_FETCHES = "connect-src 'self'; img-src data: blob:"
_NEITHER = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def render(template: str, headers: Headers = (), **values: Any) -> Reply:
    """Make the reply of a template with values, which are escaped."""
    text = _environment().get_template(template).render(values)
    policy = (("Content-Security-Policy", policy_of(template)), ("X-Frame-Options", "DENY"))
    return Reply(text.encode(), content_type=HTML, headers=(*headers, *policy))


@cache
def policy_of(template: str) -> str:
    """Return the Content-Security-Policy of a template: its own script and style may act, nothing else.

    Their hashes are those of the template's text, so neither may hold a value: a script that somebody gets
    into a page, say by the name of a label, has another hash, and no browser runs it.
    """
    environment = _environment()
    source, _, _ = PackageLoader("inference.api").get_source(environment, template)
    scripts, styles = (_hashes(source, tag) for tag in ("script", "style"))
    return f"default-src 'none'; script-src {scripts}; style-src {styles}; {_FETCHES}; {_NEITHER}"


def _hashes(source: str, tag: str) -> str:
    """Return the sources of a directive for all elements `<tag>`; one with attributes holds data."""
    texts = re.findall(f"<{tag}>(.*?)</{tag}>", source, re.DOTALL)
    hashes = [base64.b64encode(sha256(text.encode()).digest()).decode() for text in texts]
    return " ".join(f"'sha256-{value}'" for value in hashes) or "'none'"


@cache
def _environment() -> Environment:
    return Environment(loader=PackageLoader("inference.api"), autoescape=True)
