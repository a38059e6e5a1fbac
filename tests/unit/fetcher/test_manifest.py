"""The manifest: reading what somebody else wrote, and the digest."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_fetcher.errors import IntegrityError
from model_fetcher.manifest import File, Manifest, bundle_digest, parse_manifest

SHA = "ab" * 32
WHERE = "versions/v1/manifest.json of file:///store"


def document(*paths: str, **changes: Any) -> bytes:
    files = [{"path": path, "bytes": 1, "sha256": SHA} for path in paths or ("model.onnx",)]
    return json.dumps({"format": 1, "version": "v1", "files": files} | changes).encode()


def entry(**changes: Any) -> bytes:
    return document(files=[{"path": "model.onnx", "bytes": 1, "sha256": SHA} | changes])


def test_reads_what_it_writes() -> None:
    manifest = Manifest("v1", (File("a/b", 3, SHA), File("c", 0, SHA)), "2026-11-23T08:30:00Z", {"acc": 0.9})
    assert parse_manifest(manifest.to_json(), WHERE) == manifest
    assert manifest.bytes == 3


def test_ignores_keys_it_does_not_know_and_needs_no_metadata() -> None:
    assert parse_manifest(document(later="more", metadata=None), WHERE).metadata == {}


@pytest.mark.parametrize("data", [b"", b"not json", b"\xff\xfe", b'{"format": 1', b"[" * 200_000])
def test_names_a_manifest_that_is_not_json(data: bytes) -> None:
    with pytest.raises(IntegrityError, match=f"^{WHERE} is not JSON .*publish the version again"):
        parse_manifest(data, WHERE)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"{}", "the key 'format' is missing"),
        (document(format=2), "format is 2, this program reads 1"),
        (b'{"format": 1, "version": "v1"}', "the key 'files' is missing"),
        (b'{"format": 1, "files": []}', "it lists no files"),
        (document(files=None), "not iterable"),
        (document(files=["model.onnx"]), "indices must be integers"),
        (entry(bytes=-1), "bytes of 'model.onnx' is -1, not a size"),
        (entry(bytes=1.5), "bytes of 'model.onnx' is 1.5, not a size"),
        (entry(bytes=True), "bytes of 'model.onnx' is True, not a size"),
        (entry(bytes="1"), "bytes of 'model.onnx' is '1', not a size"),
        (entry(sha256="AB" * 32), "not 64 lower-case hex digits"),
        (entry(sha256="ab"), "not 64 lower-case hex digits"),
        (entry(sha256=None), "not 64 lower-case hex digits"),
        (entry(path="../../etc/passwd"), "leaves its directory"),
        (entry(path="/etc/passwd"), "leaves its directory"),
        (entry(path=None), "is not a text"),
        (document("a", "a"), "lists a path twice"),
        (document("a", "a/b"), "'a' is both a file and a directory"),
        (document("a/b/c", "a/b"), "'a/b' is both a file and a directory"),
        (document("manifest.json"), "name of the manifest itself"),
        (document("manifest.json/x"), "name of the manifest itself"),
        (document(metadata=7), "not iterable"),
    ],
)
def test_says_what_is_wrong_with_a_manifest(data: bytes, said: str) -> None:
    with pytest.raises(IntegrityError) as error:
        parse_manifest(data, WHERE)
    assert said in str(error.value)
    assert str(error.value).startswith(WHERE)


def test_takes_the_name_of_the_manifest_in_a_directory_and_names_with_one_beginning() -> None:
    paths = ("sub/manifest.json", "a", "a.b", "ab/c")
    assert [file.path for file in parse_manifest(document(*paths), WHERE).files] == list(paths)


def test_digest_is_the_one_of_the_contract() -> None:
    files = (File("b", 1, "22" * 32), File("a", 1, "11" * 32))
    lines = f"{'11' * 32}  a\n{'22' * 32}  b\n"
    assert bundle_digest(files) == hashlib.sha256(lines.encode()).hexdigest()


@given(st.permutations([File("a", 1, "11" * 32), File("b/c", 2, "22" * 32), File("d", 3, "33" * 32)]))
def test_digest_does_not_depend_on_order_or_name(files: list[File]) -> None:
    assert Manifest("x", tuple(files)).digest == Manifest("y", tuple(files[::-1]), "now", {"a": 1}).digest


@given(st.dictionaries(st.text(max_size=8), st.none() | st.integers() | st.text() | st.lists(st.text())))
def test_never_fails_otherwise_than_by_saying_what_is_wrong(junk: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError):
        parse_manifest(json.dumps({"format": 1, "version": "v", "files": [junk]}).encode(), WHERE)
