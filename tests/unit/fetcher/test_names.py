"""Names and paths: what may be put below a directory."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_fetcher.errors import FetcherError, IntegrityError
from model_fetcher.names import check_name, check_path


@pytest.mark.parametrize("name", ["v1", "0", "a" * 128, "20261123T083000Z-0a1b2c3d", "A.b_c-d", "v1..2"])
def test_takes_the_names_of_the_contract(name: str) -> None:
    assert check_name("version", name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".v1", "-v", "_v", "a" * 129, "a/b", "a b", "v1\n", "é", "a\0"]
)
def test_refuses_any_other_name_and_says_what_one_looks_like(name: str) -> None:
    with pytest.raises(FetcherError, match=r"channel .* is not a valid name: use 1 to 128 letters"):
        check_name("channel", name)


@pytest.mark.parametrize("path", ["model.onnx", "a/b/c.txt", ".hidden", "a/..b", "a/b..", "naïve.txt", "a b"])
def test_takes_a_path_that_stays_below(path: str) -> None:
    assert check_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/etc/passwd",
        "..",
        "../x",
        "a/../b",
        "a/..",
        "./a",
        "a/./b",
        "a//b",
        "a/",
        "a\\..\\b",
        "C:\\x",
        "a\0b",
        "a\nb",
        "a\x7fb",
        "\ud800",
        "\u202egpj.exe",
        "x" * 1025,
        None,
        7,
        ["a"],
        {"a": 1},
    ],
)
def test_refuses_a_path_that_could_leave(path: object) -> None:
    with pytest.raises(IntegrityError):
        check_path(path)


@given(st.text(alphabet="./\\a\0 \n", max_size=12) | st.text(max_size=40))
def test_a_path_that_is_taken_never_leaves_the_directory_it_is_joined_to(path: str) -> None:
    try:
        check_path(path)
    except IntegrityError:
        return
    joined = PurePosixPath("/volume/v1") / path
    assert joined.is_relative_to("/volume/v1")
    assert ".." not in joined.parts
    assert joined.relative_to("/volume/v1").as_posix() == path
