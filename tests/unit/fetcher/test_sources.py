"""SOURCE arguments taken apart."""

import subprocess
import sys

import pytest

from model_fetcher.errors import FetcherError
from model_fetcher.sources import parse_source


@pytest.mark.parametrize(
    ("url", "scheme", "host", "path", "model"),
    [
        ("file:///models/digits", "file", "", "/models/digits", "digits"),
        ("file://localhost/models/digits/", "file", "", "/models/digits", "digits"),
        ("file:/models/digits", "file", "", "/models/digits", "digits"),
        ("file:///with%20space/digits.onnx", "file", "", "/with space/digits.onnx", "digits"),
        ("az://acct/models/digits", "az", "acct", "models/digits", "digits"),
        ("az://acct/models/team/a/digits/", "az", "acct", "models/team/a/digits", "digits"),
        ("az://acct/models/digits.onnx", "az", "acct", "models/digits.onnx", "digits"),
        ("s3://bucket/digits", "s3", "bucket", "digits", "digits"),
        ("s3://my.bucket/team/a/digits/", "s3", "my.bucket", "team/a/digits", "digits"),
        ("gs://bucket/models/digits.onnx", "gs", "bucket", "models/digits.onnx", "digits"),
    ],
)
def test_takes_a_source_apart(url: str, scheme: str, host: str, path: str, model: str) -> None:
    address = parse_source(url)
    assert (address.scheme, address.host, address.path, address.model) == (scheme, host, path, model)


@pytest.mark.parametrize(
    "url", ["s4://b/x", "https://acct.blob.core.windows.net/c/x", "/models/digits", "", "x"]
)
def test_an_unknown_scheme_is_told_the_known_ones(url: str) -> None:
    with pytest.raises(
        FetcherError, match=r"has an unknown scheme: give file:///DIR/MODEL, az://ACCOUNT/.* or gs://BUCKET"
    ):
        parse_source(url)


@pytest.mark.parametrize(
    "url",
    [
        "file://",
        "file:///",
        "file:digits",
        "file://host/models/digits",
        "az://",
        "az://a",
        "az://a/c",
        "az:a/c/d",
        "s3://",
        "s3://bucket",
        "s3://bucket/",
        "s3:///digits",
        "gs://bucket",
    ],
)
def test_an_incomplete_source_is_told_what_one_looks_like(url: str) -> None:
    with pytest.raises(FetcherError, match=r"is incomplete: give file:///DIR/MODEL, az://ACCOUNT/CONTAINER"):
        parse_source(url)


def test_a_source_that_is_no_url_is_told_what_one_looks_like() -> None:
    with pytest.raises(FetcherError, match=r"is not a URL .*: give file:///DIR/MODEL, az://"):
        parse_source("az://[a/c/d")


@pytest.mark.parametrize(
    "url",
    [
        "az://acct/c/d?sv=1&sig=SECRET",
        "az://user:SECRET@acct/c/d",
        "az://:SECRET@acct/c/d",
        "az://SECRET@a/c/d",
        "s3://key:SECRET@bucket/d",
        "s3://bucket/d?X-Amz-Signature=SECRET",
    ],
)
def test_a_secret_in_a_source_is_refused_and_not_told(url: str) -> None:
    with pytest.raises(
        FetcherError, match="carries a secret: put it into the variable of the sign-in"
    ) as error:
        parse_source(url)
    assert "SECRET" not in str(error.value)


@pytest.mark.parametrize("url", ["file:///models/a b", "az://acct/models/-x", "az://acct/models/.onnx"])
def test_a_last_part_that_cannot_name_a_model_is_refused(url: str) -> None:
    address = parse_source(url)
    with pytest.raises(FetcherError, match=r"model .* is not a valid name"):
        _ = address.model


@pytest.mark.parametrize(
    ("url", "loaded"),
    [
        ("file:///models/digits", set()),
        ("az://acct/models/digits", {"azure"}),
        ("s3://bucket/digits", {"obstore"}),
        ("gs://bucket/digits", {"obstore"}),
    ],
)
def test_only_the_library_of_the_store_that_is_used_is_loaded(url: str, loaded: set[str]) -> None:
    code = (
        "import sys, model_fetcher.cli\n"
        "from model_fetcher.sources import open_source, parse_source\n"
        f"open_source(parse_source({url!r}), {{}}, 'anonymous')\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    assert {"azure", "obstore"} & set(done.stdout.split()) == loaded
