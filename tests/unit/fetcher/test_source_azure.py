"""What the answers of Azure Storage mean: a small server gives those that the emulator never gives."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from model_fetcher.errors import AccessDenied, Conflict, FetcherError, NotFound, SourceChanged, StoreError
from model_fetcher.sources.auth import SignIn
from model_fetcher.sources.azure import AzureSource
from model_fetcher.sources.base import NoSuchBlob


class Refusing(ThreadingHTTPServer):
    """Answers every request with one status and one error code of the service."""

    status = 404
    code = "BlobNotFound"


class _Handler(BaseHTTPRequestHandler):
    def _refuse(self) -> None:
        assert isinstance(self.server, Refusing)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = f"<Error><Code>{self.server.code}</Code><Message>no</Message></Error>".encode()
        self.send_response(self.server.status)
        self.send_header("x-ms-error-code", self.server.code)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    do_GET = do_PUT = do_HEAD = _refuse

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[Refusing]:
    with Refusing(("127.0.0.1", 0), _Handler) as refusing:
        thread = threading.Thread(target=refusing.serve_forever, args=(0.01,))
        thread.start()
        yield refusing
        refusing.shutdown()
        thread.join()


@pytest.fixture
def source(server: Refusing) -> Iterator[AzureSource]:
    endpoint = f"http://127.0.0.1:{server.server_address[1]}/acct"
    opened = AzureSource("az://acct/models/digits", "models", "digits", SignIn("anonymous", endpoint))
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("status", "code", "error", "said"),
    [
        (404, "BlobNotFound", NoSuchBlob, "cannot read 'a' of az://acct/models/digits: it is not there"),
        (404, "ContainerNotFound", NotFound, "container 'models' of 'acct' is not there"),
        (409, "ContainerBeingDeleted", NotFound, "is not there (ContainerBeingDeleted)"),
        (404, "ResourceNotFound", AccessDenied, "the container is not public"),
        (409, "PublicAccessNotPermitted", AccessDenied, "the container is not public"),
        (401, "NoAuthenticationInformation", AccessDenied, "NoAuthenticationInformation; the container is"),
        (403, "AuthorizationFailure", AccessDenied, "AuthorizationFailure; the container is not public"),
        (403, "AuthenticationFailed", AccessDenied, ": AuthenticationFailed; the container is not public"),
        (409, "BlobArchived", StoreError, "cannot read 'a' of az://acct/models/digits: BlobArchived"),
        (400, "InvalidUri", StoreError, "cannot read 'a' of az://acct/models/digits: InvalidUri"),
    ],
)
def test_an_answer_is_told_for_what_it_is(
    server: Refusing, source: AzureSource, status: int, code: str, error: type[FetcherError], said: str
) -> None:
    server.status, server.code = status, code
    for call in (lambda: source.read("a"), lambda: source.read_range("a", "", 0, 1)):
        with pytest.raises(error) as raised:
            call()
        assert type(raised.value) is error
        assert said in str(raised.value)


def test_a_range_under_another_etag_has_changed(server: Refusing, source: AzureSource) -> None:
    server.status, server.code = 412, "ConditionNotMet"
    with pytest.raises(SourceChanged, match="'a' of az://acct/models/digits changed while it was read"):
        source.read_range("a", '"0x1"', 0, 1)


@pytest.mark.parametrize(("status", "code"), [(409, "BlobAlreadyExists"), (412, "ConditionNotMet")])
def test_a_write_that_comes_too_late_is_a_conflict(
    server: Refusing, source: AzureSource, status: int, code: str
) -> None:
    server.status, server.code = status, code
    for replacing in ("", '"0x1"'):
        with pytest.raises(Conflict, match="cannot write 'a' of az://acct/models/digits: somebody else"):
            source.write("a", b"x", replacing)


def test_what_may_not_be_looked_at_is_denied_though_the_answer_has_no_body(
    server: Refusing, source: AzureSource
) -> None:
    server.status, server.code = 403, "AuthorizationPermissionMismatch"
    with pytest.raises(AccessDenied, match=r"cannot look at 'a' of .*: AuthorizationPermissionMismatch"):
        source.stat("a")
