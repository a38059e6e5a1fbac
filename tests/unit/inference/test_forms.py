"""Where pictures are in a body, compressed bodies, and the counts of what ran."""

import gzip
import random
import tracemalloc
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pictures
from inference.api.compression import FREE_BYTES, expand
from inference.api.content_type import require_json
from inference.api.forms import pictures as read
from inference.errors import ApiError, BadRequest, TooLarge, UnsupportedEncoding, UnsupportedMedia
from inference.models.picturefiles import PictureLimits
from inference.models.stats import MAX_BATCH_SIZES, Stats

PNG = pictures.png()
FORM = 'multipart/form-data; boundary="x"'


def part(name: str, data: bytes) -> bytes:
    return b"--x\r\nContent-Disposition: form-data; " + name.encode() + b"\r\n\r\n" + data + b"\r\n"


@pytest.mark.parametrize(
    "kind",
    ["image/png", "IMAGE/JPEG; q=1", "application/octet-stream", "application/x-www-form-urlencoded", None],
)
def test_a_body_is_a_picture(kind: str | None) -> None:
    assert read(PNG, kind) == [PNG]


def test_a_form_has_pictures_in_its_files() -> None:
    body = part('name="note"', b"hello") + part('name="a"; filename="a.png"', PNG)
    body += part('name="b"; filename=""', b"") + part('name="c"; filename="c.png"', b"2")
    assert read(body + b"--x--\r\n", FORM) == [PNG, b"2"]


@pytest.mark.parametrize(
    ("body", "kind", "sentence"),
    [
        (part('name="a"', b"1") + b"--x--\r\n", FORM, "the form has no file; send one like: curl -F"),
        (b"nothing", FORM, "the body is no multipart/form-data of the boundary 'x'"),
        (b"nothing", "multipart/form-data", "the body is no multipart/form-data of the boundary ''"),
        (part('name="a"; filename="a"', b"1") * 1001 + b"--x--\r\n", FORM, "the form has too many parts"),
        (b"x", "text/plain", "Content-Type is text/plain: send a picture as image/png"),
        (b"x", None, "Content-Type is missing: send a picture"),
    ],
)
def test_says_what_is_wrong_with_a_body(body: bytes, kind: str | None, sentence: str) -> None:
    with pytest.raises(ApiError) as caught:
        read(body, kind)
    assert caught.value.message.startswith(sentence)


@given(st.binary(max_size=200), st.sampled_from([FORM, "multipart/form-data; boundary=--", None]))
def test_any_form_is_read_or_refused(body: bytes, kind: str | None) -> None:
    for text in (body, b"--x\r\n" + body + b"\r\n--x--\r\n"):
        with suppress(BadRequest, UnsupportedMedia):
            assert read(text, kind)


def bare(body: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(body) + stream.flush()


@given(st.binary(max_size=300))
def test_expands_what_was_compressed(body: bytes) -> None:
    assert expand(gzip.compress(body), "GZIP", 300) == body
    assert expand(zlib.compress(body), "deflate", 300) == body
    assert expand(bare(body), "deflate", 300) == body
    assert expand(body, None, 300) == expand(body, "identity", 300) == body


@given(st.binary(max_size=100), st.sampled_from(["gzip", "deflate"]))
def test_any_compressed_body_is_read_or_refused(body: bytes, encoding: str) -> None:
    with suppress(BadRequest, TooLarge):
        assert len(expand(body, encoding, 50)) <= 50


def test_a_body_may_not_grow_beyond_the_limit() -> None:
    bomb = gzip.compress(bytes(10**7))
    with pytest.raises(TooLarge, match=r"takes 9999999 bytes \(--max-body\)"):
        expand(bomb, "gzip", 10**7 - 1, ratio=2000)
    assert len(expand(bomb, "gzip", 10**7, ratio=2000)) == 10**7


def test_a_body_expands_so_many_times_and_no_more() -> None:
    bomb = gzip.compress(bytes(10**7))
    times = -(-(10**7) // len(bomb))
    assert len(expand(bomb, "gzip", 1 << 30, times)) == 10**7
    with pytest.raises(TooLarge, match=rf"to more than {times - 1} times its size \(--max-expansion\)"):
        expand(bomb, "gzip", 1 << 30, times - 1)


def test_what_expands_to_little_may_expand_many_times() -> None:
    assert len(expand(gzip.compress(bytes(FREE_BYTES)), "gzip", 1 << 30, 1)) == FREE_BYTES
    with pytest.raises(TooLarge, match="--max-expansion"):
        expand(gzip.compress(bytes(FREE_BYTES + 1)), "gzip", 1 << 30, 1)


def test_memory_grows_with_what_is_expanded_not_beyond_the_bound() -> None:
    bomb = gzip.compress(bytes(1 << 28))
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            expand(bomb, "gzip", 8 << 20, ratio=10_000)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5 << 20])
@pytest.mark.parametrize("noise", [True, False])
def test_expands_in_steps_to_the_last_byte(size: int, noise: bool) -> None:
    body = random.Random(1).randbytes(size) if noise else bytes(size)
    for encoding, text in (("gzip", gzip.compress(body)), ("deflate", zlib.compress(body))):
        assert expand(text, encoding, size, ratio=2000) == body
        assert expand(memoryview(text), encoding, size, ratio=2000) == body
        with pytest.raises(BadRequest, match="goes on after"):
            expand(text + b"y", encoding, size, ratio=2000)
        with pytest.raises(BadRequest, match="ends before"):
            expand(text[:-1], encoding, size, ratio=2000)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (gzip.compress(b"x")[:-1], "ends before"),
        (gzip.compress(b"x") + b"y", "goes on after"),
        (b"", "ends before"),
        (gzip.compress(b"x") * 2, "goes on after"),
        (b"x" * 20, "is not gzip"),
    ],
)
def test_says_what_is_wrong_with_a_compressed_body(body: bytes, sentence: str) -> None:
    with pytest.raises(BadRequest, match=sentence):
        expand(body, "gzip", 100)


@pytest.mark.parametrize("encoding", ["gzip, gzip", "deflate,gzip", "identity, gzip", ",", "gzip,"])
def test_a_body_is_encoded_once(encoding: str) -> None:
    with pytest.raises(UnsupportedEncoding, match="encode the body once, not twice"):
        expand(gzip.compress(gzip.compress(b"x")), encoding, 100)


FORMS = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "Text/Plain;x=1",
]


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize("may_be_absent", [True, False])
def test_json_never_comes_as_what_another_site_can_make_a_browser_send(
    kind: str, may_be_absent: bool
) -> None:
    with pytest.raises(
        UnsupportedMedia, match=f"Content-Type is {kind.partition(';')[0].lower()}: send JSON"
    ):
        require_json(kind, may_be_absent=may_be_absent)


@pytest.mark.parametrize("kind", [None, "", " ", "application/octet-stream", "Application/Octet-Stream; x=1"])
def test_json_may_come_without_its_type_where_that_is_allowed(kind: str | None) -> None:
    require_json(kind, may_be_absent=True)
    with pytest.raises(UnsupportedMedia):
        require_json(kind)


@pytest.mark.parametrize("kind", ["application/json", "APPLICATION/JSON; charset=utf-8"])
def test_json_by_its_type_is_read_anywhere(kind: str) -> None:
    require_json(kind)


def test_a_form_has_as_many_files_as_allowed_and_not_one_more() -> None:
    body = part('name="a"; filename="a"', b"1") * 3 + b"--x--\r\n"
    assert len(read(body, FORM, PictureLimits(pictures=3))) == 3
    with pytest.raises(TooLarge, match="has 3 pictures, the server takes 2"):
        read(body, FORM, PictureLimits(pictures=2))


def test_names_the_encodings_that_it_reads() -> None:
    with pytest.raises(UnsupportedEncoding) as caught:
        expand(b"", "br", 100)
    assert caught.value.headers == (("Accept-Encoding", "gzip, deflate"),)


def test_lists_only_so_many_sizes_of_a_batch_and_counts_all() -> None:
    stats = Stats()
    for size in range(2 * MAX_BATCH_SIZES):
        with stats.request("v1") as timing:
            timing.batch_size = size
            timing.lap("compute_infer")
    told = stats.describe("m", "v1")
    batches = told["batch_stats"]
    assert isinstance(batches, list)
    assert len(batches) == MAX_BATCH_SIZES
    assert told["execution_count"] == 2 * MAX_BATCH_SIZES
    assert told["inference_count"] == sum(range(2 * MAX_BATCH_SIZES))


def test_a_failure_is_counted_and_told_its_version() -> None:
    stats, error = Stats(), BadRequest("no")
    with pytest.raises(BadRequest), stats.request("v7"):
        raise error
    assert error.version == "v7"
    counts = stats.describe("m", "v7")["inference_stats"]
    assert isinstance(counts, dict)
    assert (counts["fail"]["count"], counts["success"]["count"]) == (1, 0)
