"""Signing in to S3 and Google Cloud Storage: which variables obstore gets to see, and which not."""

import os

import pytest

from model_fetcher.errors import AccessDenied
from model_fetcher.sources.auth import choose
from model_fetcher.sources.objects_auth import NEEDS, only, sign_in

SECRET = "the secret"
KEY = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": SECRET}
ROLE = {"AWS_WEB_IDENTITY_TOKEN_FILE": "/token", "AWS_ROLE_ARN": "arn:aws:iam::1:role/r"}
ALL = KEY | ROLE | {"AWS_SESSION_TOKEN": "token"}


@pytest.mark.parametrize(
    ("scheme", "env", "method"),
    [
        ("s3", {}, "default"),
        ("s3", KEY, "key"),
        ("s3", {"AWS_ACCESS_KEY_ID": "id"}, "default"),
        ("s3", KEY | {"AWS_SECRET_ACCESS_KEY": ""}, "default"),
        ("s3", ROLE, "workload-identity"),
        ("s3", ALL, "key"),
        ("s3", {"GOOGLE_SERVICE_ACCOUNT_KEY": "{}"}, "default"),
        ("gs", {}, "default"),
        ("gs", KEY, "default"),
        ("gs", {"GOOGLE_SERVICE_ACCOUNT_KEY": "{}"}, "key"),
        ("gs", {"GOOGLE_APPLICATION_CREDENTIALS": "/adc.json"}, "default"),
    ],
)
def test_chooses_by_what_is_set(scheme: str, env: dict[str, str], method: str) -> None:
    assert sign_in(scheme, env).method == method


def test_a_method_that_a_store_has_not_is_told_those_that_it_has() -> None:
    with pytest.raises(AccessDenied, match="--auth sas is not for this kind of store: choose key, default,"):
        choose(NEEDS["gs"], {}, "sas")


def test_a_method_asked_for_by_name_names_the_variables_that_it_misses() -> None:
    with pytest.raises(AccessDenied, match="--auth key needs AWS_SECRET_ACCESS_KEY: set it"):
        sign_in("s3", {"AWS_ACCESS_KEY_ID": "id"}, "key")


@pytest.mark.parametrize(
    ("method", "shown"),
    [
        ("key", KEY | {"AWS_SESSION_TOKEN": "token", "AWS_SKIP_SIGNATURE": "false"}),
        ("workload-identity", ROLE | {"AWS_SKIP_SIGNATURE": "false"}),
        ("default", {"AWS_SKIP_SIGNATURE": "false"}),
        ("anonymous", {"AWS_SKIP_SIGNATURE": "true"}),
    ],
)
def test_obstore_sees_the_variables_of_the_method_alone(method: str, shown: dict[str, str]) -> None:
    assert sign_in("s3", ALL | {"AWS_SKIP_SIGNATURE": "true"}, method).credential == shown


def test_empty_variables_are_not_shown_and_a_line_end_of_a_file_is_cut() -> None:
    env = KEY | {"AWS_SESSION_TOKEN": "", "AWS_REGION": " ", "AWS_SECRET_ACCESS_KEY": f"{SECRET}\n"}
    assert sign_in("s3", env).credential == KEY | {"AWS_SKIP_SIGNATURE": "false"}


@pytest.mark.parametrize(
    ("env", "endpoint", "expected"),
    [
        ({}, "", "https://s3.us-east-1.amazonaws.com"),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, "", "https://s3.eu-west-1.amazonaws.com"),
        ({"AWS_DEFAULT_REGION": "x", "AWS_REGION": "eu-north-1"}, "", "https://s3.eu-north-1.amazonaws.com"),
        ({"AWS_ENDPOINT_URL": "http://here:9000/"}, "", "http://here:9000"),
        ({"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_S3": "http://b"}, "", "http://b"),
        ({"AWS_ENDPOINT_URL_S3": "http://b"}, "https://flag/", "https://flag"),
    ],
)
def test_the_endpoint_is_the_flag_or_the_variable_or_that_of_the_region(
    env: dict[str, str], endpoint: str, expected: str
) -> None:
    signed = sign_in("s3", KEY | env, endpoint=endpoint)
    assert signed.endpoint == expected
    assert signed.credential.get("AWS_ENDPOINT_URL", expected) == expected
    assert "AWS_ENDPOINT_URL_S3" not in signed.credential


def test_the_endpoint_of_google_may_be_another() -> None:
    assert sign_in("gs", {}).endpoint == "https://storage.googleapis.com"
    given = sign_in("gs", {"GOOGLE_BASE_URL": "http://env"}, endpoint="http://flag/")
    assert given.endpoint == given.credential["GOOGLE_BASE_URL"] == "http://flag"


def test_the_environment_is_as_before_once_obstore_has_read_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {"AWS_PROFILE": "mine", "AWS_ACCESS_KEY_ID": "theirs", "GOOGLE_X": "y"}.items():
        monkeypatch.setenv(name, text)
    before = dict(os.environ)
    with only("s3", KEY):
        assert {name: text for name, text in os.environ.items() if name.startswith("AWS_")} == KEY
        assert os.environ["GOOGLE_X"] == "y"
    assert dict(os.environ) == before


def test_the_secret_is_in_no_repr() -> None:
    signed = sign_in("s3", ALL)
    assert SECRET not in repr(signed)
    assert repr(signed) == "SignIn(key, https://s3.us-east-1.amazonaws.com)"
