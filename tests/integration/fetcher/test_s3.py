"""What only S3 has: its ways to sign in, what it denies, markers of directories, files in parts."""

from pathlib import Path
from threading import Thread

import pytest

from blobs import FILES, delivered
from model_fetcher.errors import Conflict, FetcherError
from model_fetcher.sources import open_source, parse_source
from programs import failed, fetcher, log_lines
from versitygw import SECRET, Bucket

MIB = 1 << 20


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    return tmp_path / "volume"


def test_a_key_signs_in_and_is_not_told(s3: Bucket, tmp_path: Path, volume: Path) -> None:
    s3.publish_files(tmp_path, "v1", FILES)
    args = ("--volume", volume, "--endpoint", s3.endpoint, "--log-level", "debug")
    done = fetcher("fetch", s3.url, *args, env=s3.key | {"AWS_SESSION_TOKEN": "", "AWS_ROLE_ARN": "unused"})
    assert done.returncode == 0, done.stderr
    (told,) = [line for line in log_lines(done.stderr) if line["message"] == "sign in"]
    assert (told["auth"], told["endpoint"]) == ("key", s3.endpoint)
    assert SECRET not in done.stderr + done.stdout
    assert delivered(volume) == FILES


def test_a_public_bucket_needs_no_sign_in(s3: Bucket, tmp_path: Path, volume: Path) -> None:
    s3.publish_files(tmp_path, "v1", FILES)
    args = ("fetch", s3.url, "--volume", volume, "--endpoint", s3.endpoint, "--auth", "anonymous")
    assert failed(4, *args).endswith("AccessDenied; the bucket is not public: choose another --auth")
    s3.open_to_all()
    # What is set has no say then, right or wrong.
    done = fetcher(*args, env=s3.key | {"AWS_SECRET_ACCESS_KEY": "wrong"})
    assert done.returncode == 0, done.stderr
    assert delivered(volume) == FILES


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong secret"}, "SignatureDoesNotMatch"),
        ({"AWS_ACCESS_KEY_ID": "nobody"}, "XAdminUserNotFound"),
        ({"AWS_SESSION_TOKEN": "a token"}, "InvalidToken"),
    ],
)
def test_a_wrong_key_is_denied_with_the_cure_and_is_not_told(
    s3: Bucket, volume: Path, change: dict[str, str], said: str
) -> None:
    for command in (("fetch", s3.url, "--volume", volume), ("versions", s3.url)):
        told = failed(4, *command, env=s3.env | change)
        assert (
            f": {said}; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and that the key permits" in told
        )
        assert not any(text in told for text in change.values())


def test_a_bucket_in_another_region_is_told_from_one_that_is_not_there(s3: Bucket, volume: Path) -> None:
    env = s3.env | {"AWS_REGION": "eu-central-1"}
    said = failed(3, "fetch", s3.url, "--volume", volume, env=env)
    assert said.endswith(f"bucket '{s3.name}' is in another region: set AWS_REGION")


@pytest.mark.parametrize("method", ["sas", "connection-string"])
def test_a_method_of_another_kind_of_store_is_refused(s3: Bucket, volume: Path, method: str) -> None:
    said = failed(4, "fetch", s3.url, "--volume", volume, "--auth", method, env=s3.env)
    assert said == (
        f"--auth {method} is not for this kind of store: choose key, workload-identity, default, anonymous "
        "or auto"
    )


def test_directory_markers_are_no_files_of_a_plain_source(s3: Bucket, volume: Path) -> None:
    for marker in ("", "sub/", *FILES):
        s3.upload(marker, FILES.get(marker, b""))
    assert fetcher("fetch", s3.url, "--volume", volume, env=s3.env).returncode == 0
    assert delivered(volume) == FILES


def test_names_that_urls_would_have_to_quote_arrive_as_they_are(
    s3: Bucket, tmp_path: Path, volume: Path
) -> None:
    files = {"model.onnx": b"x", "with space/a+b=c&d?.txt": b"1", "50%25~#[1]{2}é.txt": b"2"}
    s3.publish_files(tmp_path, "v1", files)
    assert fetcher("fetch", s3.url, "--volume", volume, env=s3.env).returncode == 0
    assert delivered(volume) == files


@pytest.mark.parametrize("size", [7, 9 * MIB])
def test_of_many_that_create_a_file_at_once_one_succeeds_and_nothing_else_is_left(
    s3: Bucket, tmp_path: Path, size: int
) -> None:
    source, ends = open_source(parse_source(s3.url), s3.env), list[str]()

    def create(letter: str) -> None:
        file = tmp_path / letter
        file.write_bytes(letter.encode() * size)
        try:
            source.create("versions/v1/model.onnx", file, lambda _: None)
            ends.append(letter)
        except Conflict:
            ends.append("conflict")

    writers = [Thread(target=create, args=(letter,)) for letter in "abcd"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    (won,) = [end for end in ends if end != "conflict"]
    assert ends.count("conflict") == 3
    assert s3.download("versions/v1/model.onnx") == won.encode() * size
    assert s3.names() == ["versions/v1/model.onnx"]


def test_a_scratch_copy_that_a_kill_left_is_no_file_of_a_source(s3: Bucket, volume: Path) -> None:
    s3.upload(".tmp/0123456789abcdef", b"half a model")
    s3.upload("model.onnx", b"x")
    assert fetcher("fetch", s3.url, "--volume", volume, env=s3.env).returncode == 0
    assert delivered(volume) == {"model.onnx": b"x"}


def test_a_file_that_s3_cannot_copy_is_refused_before_its_first_byte(s3: Bucket, tmp_path: Path) -> None:
    with (tmp_path / "model.onnx").open("wb") as sparse:
        sparse.truncate((5 << 30) + 1)
    source = open_source(parse_source(s3.url), s3.env)
    with pytest.raises(FetcherError, match="at most 5 GiB in one piece: spread the weights over several"):
        source.create("model.onnx", tmp_path / "model.onnx", lambda _: pytest.fail("something was sent"))
    assert s3.names() == []
