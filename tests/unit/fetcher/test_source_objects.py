"""What the answers of S3 and Google mean: a small server gives those that a real one seldom gives."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest
from obstore.exceptions import GenericError

from model_fetcher.errors import AccessDenied, Conflict, FetcherError, NotFound, SourceChanged, StoreError
from model_fetcher.sources.base import NoSuchBlob
from model_fetcher.sources.objects import ObjectSource
from model_fetcher.sources.objects_auth import sign_in
from model_fetcher.sources.objects_errors import Place, translated

SECRET = "the-secret"
KEY = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": SECRET}
# As emulators take it: obstore reads without a sign-in, and writes with none but this.
ACCOUNT = {"disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
GOOGLE = {"GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(ACCOUNT)}


class Answering(ThreadingHTTPServer):
    """Answers every request in one way, but for paths that begin as `others`; remembers all requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.headers, self.body = 200, dict[str, str](), b""
        self.others = dict[str, bytes]()
        self.asked = list[tuple[str, str, Mapping[str, str]]]()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def refuse(self, status: int, code: str) -> None:
        """Answer with an error of the service from now on; its body quotes what was signed."""
        self.status = status
        self.body = f"<Error><Code>{code}</Code><StringToSign>{SECRET}</StringToSign></Error>".encode()


class _Handler(BaseHTTPRequestHandler):
    def _answer(self) -> None:
        server = self.server
        assert isinstance(server, Answering)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        path = unquote(self.path)
        server.asked.append((self.command, path, headers))
        known = (body for start, body in server.others.items() if path.startswith(start))
        other = next(known, None)
        body = server.body if other is None else other
        self.send_response(server.status if other is None else 200)
        for name, value in server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _answer

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[Answering]:
    with Answering() as answering:
        thread = threading.Thread(target=answering.serve_forever, args=(0.01,))
        thread.start()
        yield answering
        answering.shutdown()
        thread.join()


Open = Callable[..., ObjectSource]


@pytest.fixture
def opened(server: Answering) -> Open:
    """Opens a source in the server."""

    def open_(scheme: str = "s3", env: Mapping[str, str] = KEY, method: str = "auto") -> ObjectSource:
        signed = sign_in(scheme, env, method, server.url)
        return ObjectSource(f"{scheme}://b/digits", scheme, "b", "digits", signed)

    return open_


@pytest.mark.parametrize(
    ("status", "code", "error", "said"),
    [
        (404, "NoSuchKey", NoSuchBlob, "cannot read 'a' of s3://b/digits: it is not there"),
        (404, "NoSuchBucket", NotFound, "is not there: create it or correct the source"),
        (404, "NoSuchUpload", StoreError, "cannot read 'a' of s3://b/digits: NoSuchUpload"),
        (401, "Unauthorized", AccessDenied, "Unauthorized; check AWS_ACCESS_KEY_ID"),
        (
            403,
            "AccessDenied",
            AccessDenied,
            "permits s3:GetObject and s3:ListBucket (to publish: s3:PutObject",
        ),
        (403, "SignatureDoesNotMatch", AccessDenied, "SignatureDoesNotMatch; check AWS_ACCESS_KEY_ID"),
        (400, "ExpiredToken", AccessDenied, "ExpiredToken; check AWS_ACCESS_KEY_ID"),
        (301, "PermanentRedirect", NotFound, "bucket 'b' is in another region: set AWS_REGION"),
        (400, "AuthorizationHeaderMalformed", NotFound, "is in another region: set AWS_REGION"),
        (400, "InvalidRequest", StoreError, "cannot read 'a' of s3://b/digits: InvalidRequest"),
    ],
)
def test_an_answer_is_told_for_what_it_is_and_its_body_is_not(
    server: Answering, opened: Open, status: int, code: str, error: type[FetcherError], said: str
) -> None:
    server.refuse(status, code)
    source = opened()
    for call in (lambda: source.read("a"), lambda: source.read_range("a", "", 0, 1)):
        with pytest.raises(error) as raised:
            call()
        assert type(raised.value) is error
        assert said in str(raised.value)
        assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [(404, NoSuchBlob, "it is not there"), (403, AccessDenied, "403 Forbidden; check AWS_ACCESS_KEY_ID")],
)
def test_a_look_is_told_for_what_it_is_though_its_answer_has_no_body(
    server: Answering, opened: Open, status: int, error: type[FetcherError], said: str
) -> None:
    server.status = status
    with pytest.raises(error, match=said):
        opened().stat("a")


def test_a_list_that_is_denied_is_denied(server: Answering, opened: Open) -> None:
    server.refuse(403, "AccessDenied")
    with pytest.raises(AccessDenied, match="cannot list '' of s3://b/digits: AccessDenied"):
        opened().list()


@pytest.mark.parametrize("scheme", ["s3", "gs"])
def test_a_range_is_one_request_under_its_etag_and_another_etag_has_changed(
    server: Answering, opened: Open, scheme: str
) -> None:
    server.refuse(412, "PreconditionFailed")
    env = KEY if scheme == "s3" else {}
    source = opened(scheme, env, "anonymous")
    with pytest.raises(SourceChanged, match=f"'a' of {scheme}://b/digits changed while it was read"):
        source.read_range("a", '"etag"', 8, 4)
    ((method, path, headers),) = server.asked
    assert (method, path) == ("GET", "/b/digits/a")
    assert (headers["range"], headers["if-match"]) == ("bytes=8-11", '"etag"')


@pytest.mark.parametrize("scheme", ["s3", "gs"])
def test_a_poll_is_one_request_and_304_is_nothing_new(server: Answering, opened: Open, scheme: str) -> None:
    server.status = 304
    assert opened(scheme, {}, "anonymous").read("channels/stable.json", '"etag"') is None
    ((_, path, headers),) = server.asked
    assert (path, headers["if-none-match"]) == ("/b/digits/channels/stable.json", '"etag"')
    assert "authorization" not in headers


@pytest.mark.parametrize(
    ("status", "code"), [(412, "PreconditionFailed"), (409, "ConditionalRequestConflict")]
)
def test_a_create_that_comes_too_late_is_a_conflict(
    server: Answering, opened: Open, tmp_path: Path, status: int, code: str
) -> None:
    server.refuse(status, code)
    (tmp_path / "f").write_bytes(b"x")
    source, said = opened(), "cannot write 'a' of s3://b/digits: somebody else wrote it first"
    with pytest.raises(Conflict, match=said):
        source.write("a", b"x", "")
    with pytest.raises(Conflict, match=said):
        source.create("a", tmp_path / "f", lambda _: None)
    assert [headers["if-none-match"] for _, _, headers in server.asked] == ["*", "*"]


UPLOAD = b"<Result><UploadId>u</UploadId><ETag>etag</ETag></Result>"  # of its beginning and its end
STAMP = {"Last-Modified": "Tue, 24 Nov 2026 08:30:00 GMT", "ETag": '"now"', "x-goog-generation": "7"}


@pytest.mark.parametrize(
    ("scheme", "env", "condition"),
    [("s3", KEY, ("if-match", '"now"')), ("gs", GOOGLE, ("x-goog-if-generation-match", "7"))],
)
def test_a_write_replaces_just_what_was_read(
    server: Answering, opened: Open, scheme: str, env: dict[str, str], condition: tuple[str, str]
) -> None:
    server.headers = STAMP
    source = opened(scheme, env)
    source.write("a", b"x", '"now"')
    method, _, headers = server.asked[-1]
    assert (method, headers[condition[0]]) == ("PUT", condition[1])
    with pytest.raises(Conflict, match=r"'a' of .* was changed by somebody else: try again"):
        source.write("a", b"x", '"before"')
    server.status = 404
    with pytest.raises(Conflict, match=r"'a' of .* was removed by somebody else: try again"):
        source.write("a", b"x", '"now"')
    assert [method for method, _, _ in server.asked] == ["HEAD", "PUT", "HEAD", "HEAD"]


def test_google_is_asked_to_create_and_to_copy_only_where_nothing_is(
    server: Answering, opened: Open, tmp_path: Path
) -> None:
    server.headers = STAMP
    server.body = UPLOAD
    (tmp_path / "small").write_bytes(b"x")
    (tmp_path / "large").write_bytes(bytes(9 << 20))
    source, sent = opened("gs", GOOGLE), list[int]()
    source.create("small", tmp_path / "small", sent.append)
    source.create("large", tmp_path / "large", sent.append)
    assert sent == [1, 8 << 20, 1 << 20]
    conditional = [
        (method, path, unquote(headers.get("x-goog-copy-source", "")))
        for method, path, headers in server.asked
        if headers.get("x-goog-if-generation-match") == "0"
    ]
    scratch = next(path for method, path, _ in server.asked if method == "DELETE")
    assert scratch.startswith("/b/digits/.tmp/")
    assert conditional == [("PUT", "/b/digits/small", ""), ("PUT", "/b/digits/large", scratch[1:])]


CREDENTIALS = {
    "AccessKeyId": "from-the-pod", "SecretAccessKey": "x", "Token": "t", "Expiration": "2036-11-24T00:00:00Z",
}  # fmt: skip


def test_the_default_of_s3_asks_the_container_for_its_key(
    server: Answering, opened: Open, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("pod-token")
    server.others, server.headers = {"/credentials": json.dumps(CREDENTIALS).encode()}, STAMP
    env = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{server.url}/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "token"),
    }
    opened(env=env).stat("a")
    (_, _, pod), (_, _, headers) = server.asked
    assert pod["authorization"] == "pod-token"
    assert "Credential=from-the-pod/" in headers["authorization"]


def test_the_default_of_s3_asks_the_machine_for_its_key(server: Answering, opened: Open) -> None:
    server.others = {
        "/latest/api/token": b"session",
        "/latest/meta-data/iam/security-credentials/role": json.dumps(
            CREDENTIALS | {"Code": "Success"}
        ).encode(),
        "/latest/meta-data/iam/security-credentials/": b"role",
    }
    server.headers = STAMP
    opened(env={"AWS_METADATA_ENDPOINT": server.url}).stat("a")
    assert "Credential=from-the-pod/" in server.asked[-1][2]["authorization"]


def test_the_default_of_google_takes_the_file_of_application_credentials(
    server: Answering, opened: Open, tmp_path: Path
) -> None:
    account = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}
    (tmp_path / "adc.json").write_text(json.dumps(account))
    source = opened("gs", {"GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "adc.json")})
    assert (source.url, server.asked) == ("gs://b/digits", [])


@pytest.mark.parametrize(
    ("scheme", "env", "cure"),
    [
        (
            "gs",
            {"GOOGLE_SERVICE_ACCOUNT_KEY": f'{{"private_key": "{SECRET}" oops'},
            "GOOGLE_SERVICE_ACCOUNT_KEY",
        ),
        ("gs", {"GOOGLE_APPLICATION_CREDENTIALS": "/not/there"}, "set GOOGLE_APPLICATION_CREDENTIALS"),
    ],
)
def test_a_credential_that_cannot_be_read_is_denied_and_not_told(
    opened: Open, scheme: str, env: dict[str, str], cure: str
) -> None:
    with pytest.raises(AccessDenied, match=f"cannot sign in to gs://b/digits; .*{cure}") as raised:
        opened(scheme, env)
    assert SECRET not in str(raised.value)


def test_a_scratch_copy_that_cannot_be_removed_is_told(
    server: Answering, opened: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Keeping(_Handler):
        """Deletes nothing."""

        def do_DELETE(self) -> None:
            """Refuse."""
            assert isinstance(self.server, Answering)
            self.server.refuse(403, "AccessDenied")
            self._answer()

    server.RequestHandlerClass = Keeping
    server.headers = STAMP
    server.body = UPLOAD
    (tmp_path / "large").write_bytes(bytes(9 << 20))
    opened("gs", GOOGLE).create("large", tmp_path / "large", lambda _: None)
    (told,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert told.message == "a scratch copy is left in the store: remove it"
    assert vars(told)["reason"] == "AccessDenied"


def test_a_role_that_does_not_trust_the_identity_is_denied() -> None:
    answer = "Error performing POST REDACTED - Server returned non-2xx status code: 403 Forbidden: "
    place = Place("s3", "b", "https://s3.us-east-1.amazonaws.com", "workload-identity")
    error = translated("cannot read 'a'", GenericError(f"{answer}<Code>AccessDenied</Code>"), place)
    assert type(error) is AccessDenied
    assert str(error).startswith("cannot read 'a': AccessDenied; check whom AWS_ROLE_ARN trusts")
