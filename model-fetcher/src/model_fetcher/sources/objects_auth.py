"""How to sign in to S3 and to Google Cloud Storage: obstore does it, from variables that are chosen here."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from model_fetcher.sources.auth import Needs, SignIn, choose

_PREFIX = {"s3": "AWS_", "gs": "GOOGLE_"}
NEEDS: Mapping[str, Needs] = {
    "s3": {
        "key": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        "workload-identity": ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"),
        "default": (),
        "anonymous": (),
    },
    "gs": {"key": ("GOOGLE_SERVICE_ACCOUNT_KEY",), "default": (), "anonymous": ()},
}


def sign_in(scheme: str, env: Mapping[str, str], method: str = "auto", endpoint: str = "") -> SignIn:
    """Choose the variables of `env` that obstore is to see; they are the credential.

    The endpoint is that of AWS or Google unless it is given or in the variables.
    """
    needs = NEEDS[scheme]
    method = choose(needs, env, method)
    shown = {name: text.strip() for name, text in env.items() if name.startswith(_PREFIX[scheme])}
    # Left to itself, obstore takes the first credential that it finds, an empty one too.
    others = {name for other, names in needs.items() if other != method for name in names}
    others |= set() if method == "key" else {"AWS_SESSION_TOKEN"}
    shown = {name: text for name, text in shown.items() if text and name not in others}
    shown[f"{_PREFIX[scheme]}SKIP_SIGNATURE"] = str(method == "anonymous").lower()
    place = _s3(shown, endpoint) if scheme == "s3" else _gs(shown, endpoint)
    return SignIn(method, place, shown)


def _s3(shown: dict[str, str], endpoint: str) -> str:
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    given = [text for name in names if (text := shown.pop(name, ""))]
    if endpoint or given:
        shown["AWS_ENDPOINT_URL"] = (endpoint or given[0]).rstrip("/")
    region = shown.get("AWS_REGION") or shown.get("AWS_DEFAULT_REGION") or "us-east-1"
    return shown.get("AWS_ENDPOINT_URL") or f"https://s3.{region}.amazonaws.com"


def _gs(shown: dict[str, str], endpoint: str) -> str:
    if endpoint:
        shown["GOOGLE_BASE_URL"] = endpoint.rstrip("/")
    return shown.get("GOOGLE_BASE_URL") or "https://storage.googleapis.com"


@contextmanager
def only(scheme: str, shown: Mapping[str, str]) -> Iterator[None]:
    """Have just these variables of the scheme in the process's environment, where obstore looks for them."""
    before = {name: text for name, text in os.environ.items() if name.startswith(_PREFIX[scheme])}
    _replace(before, shown)
    try:
        yield
    finally:
        _replace(shown, before)


def _replace(old: Mapping[str, str], new: Mapping[str, str]) -> None:
    for name in old:
        os.environ.pop(name, None)
    os.environ.update(new)
