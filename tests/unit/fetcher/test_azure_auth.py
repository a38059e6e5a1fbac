"""Signing in to Azure: chosen by what is set, and never telling the secret."""

from typing import Any

import pytest
from azure.core.credentials import AzureSasCredential

from model_fetcher.errors import AccessDenied, FetcherError
from model_fetcher.sources.auth import choose
from model_fetcher.sources.azure_auth import CONNECTION_STRING, KEY, NEEDS, SAS, WORKLOAD, sign_in

SECRET = "c2VjcmV0LWtleQ=="
FEDERATED = dict.fromkeys(WORKLOAD, "set")
ALL = {CONNECTION_STRING: "x", KEY: SECRET, SAS: "sig", **FEDERATED}


def connect(text: str, account: str = "acct", endpoint: str = "") -> Any:
    return sign_in(account, {CONNECTION_STRING: text}, endpoint=endpoint)


@pytest.mark.parametrize(
    ("names", "method"),
    [
        ((), "default"),
        ((KEY,), "key"),
        ((SAS,), "sas"),
        (WORKLOAD, "workload-identity"),
        (WORKLOAD[:2], "default"),
        ((KEY, SAS), "key"),
        ((SAS, *WORKLOAD), "sas"),
        (tuple(ALL), "connection-string"),
    ],
)
def test_chooses_by_what_is_set(names: tuple[str, ...], method: str) -> None:
    assert choose(NEEDS, {name: ALL[name] for name in names}) == method


def test_an_empty_variable_is_not_set() -> None:
    assert choose(NEEDS, {KEY: "", SAS: ""}) == "default"


def test_a_flag_overrides_what_is_set() -> None:
    assert choose(NEEDS, ALL, "anonymous") == "anonymous"
    assert choose(NEEDS, ALL, "sas") == "sas"


@pytest.mark.parametrize(
    ("method", "names"),
    [
        ("connection-string", [CONNECTION_STRING]),
        ("key", [KEY]),
        ("sas", [SAS]),
        ("workload-identity", list(WORKLOAD)),
    ],
)
def test_names_the_variables_that_a_method_misses(method: str, names: list[str]) -> None:
    with pytest.raises(AccessDenied, match=f"--auth {method} needs {' and '.join(names)}: set it"):
        choose(NEEDS, {}, method)


def test_names_only_those_that_are_missing() -> None:
    with pytest.raises(AccessDenied, match="needs AZURE_TENANT_ID: set it"):
        choose(NEEDS, FEDERATED | {"AZURE_TENANT_ID": ""}, "workload-identity")


def test_a_key_goes_with_the_account_and_azures_public_endpoint() -> None:
    signed = sign_in("acct", {KEY: f"{SECRET}\n"})
    assert (signed.method, signed.endpoint) == ("key", "https://acct.blob.core.windows.net")
    assert signed.credential == {"account_name": "acct", "account_key": SECRET}


@pytest.mark.parametrize("token", ["sv=1&sig=abc", "?sv=1&sig=abc", " ?sv=1&sig=abc\n"])
def test_a_sas_is_taken_as_the_portal_and_a_file_give_it(token: str) -> None:
    signed = sign_in("acct", {SAS: token}, endpoint="http://127.0.0.1:10000/acct")
    assert isinstance(signed.credential, AzureSasCredential)
    assert signed.credential.signature == "sv=1&sig=abc"
    assert signed.endpoint == "http://127.0.0.1:10000/acct"


def test_anonymous_presents_nothing() -> None:
    assert sign_in("acct", {KEY: SECRET}, "anonymous").credential is None


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        (
            "DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=K==",
            "https://acct.blob.core.windows.net",
        ),
        (
            "DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=K==;EndpointSuffix=core.chinacloudapi.cn",
            "https://acct.blob.core.chinacloudapi.cn",
        ),
        ("AccountName=acct;AccountKey=K==;BlobEndpoint=http://127.0.0.1:1/acct/;", "http://127.0.0.1:1/acct"),
        (" accountname=acct;ACCOUNTKEY=K==\n", "https://acct.blob.core.windows.net"),
    ],
)
def test_reads_a_connection_string_with_a_key(text: str, endpoint: str) -> None:
    signed = connect(text)
    assert signed.endpoint == endpoint
    assert signed.credential == {"account_name": "acct", "account_key": "K=="}


def test_reads_a_connection_string_with_a_sas() -> None:
    text = "BlobEndpoint=https://acct.blob.core.windows.net/;SharedAccessSignature=sv=1&sig=a%3D"
    signed = connect(text)
    assert signed.endpoint == "https://acct.blob.core.windows.net"
    assert signed.credential.signature == "sv=1&sig=a%3D"


def test_an_endpoint_by_flag_wins_over_the_connection_string() -> None:
    assert (
        connect("AccountName=acct;AccountKey=K==", endpoint="http://here/acct").endpoint == "http://here/acct"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"AccountName=other;AccountKey={SECRET}", "is for account 'other', the source names 'acct'"),
        ("AccountName=acct", "holds neither AccountKey nor SharedAccessSignature"),
        (f"UseDevelopmentStorage=true;AccountKey={SECRET}", "give the full string"),
        (f"nonsense {SECRET}", "holds neither AccountKey nor SharedAccessSignature"),
        ("BlobEndpoint=https://[x;AccountName=acct", "holds neither"),
    ],
)
def test_says_what_is_wrong_with_a_connection_string_and_never_its_secret(text: str, said: str) -> None:
    with pytest.raises(FetcherError, match=CONNECTION_STRING) as error:
        connect(text)
    assert said in str(error.value)
    assert SECRET not in str(error.value)


@pytest.mark.parametrize(
    "env",
    [{KEY: SECRET}, {SAS: f"sig={SECRET}"}, {CONNECTION_STRING: f"AccountName=acct;AccountKey={SECRET}"}],
)
def test_the_secret_is_in_no_repr(env: dict[str, str]) -> None:
    signed = sign_in("acct", env)
    assert SECRET not in repr(signed)
    assert SECRET not in str(signed)
    assert signed.method in repr(signed)
