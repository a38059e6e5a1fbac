"""A request as waitress's tasks expect it, and as the endpoints do."""

from collections.abc import Mapping
from io import BytesIO
from types import MappingProxyType

from inference.http.body import Body, Whole
from inference.http.head import Head
from inference.http.limits import Memory, Refusal

_NO_BODY = Whole(memoryview(b""))
# Of a request whose head cannot be read.
UNREAD = Head("", "", b"", "", "1.1", MappingProxyType({}), 0, False, False)


class HttpRequest:
    """One request, with the bytes that it has taken of the shared memory."""

    url_scheme = "http"

    def __init__(self, head: Head, body: Body = _NO_BODY, refusal: Refusal | None = None) -> None:
        """Keep its parts; a `refusal` is answered in place of what the request asks for."""
        self.head = head
        self.body = body
        self.refusal = refusal
        self.taken: tuple[Memory, int] | None = None
        # waitress's names follow.
        self.command = head.method
        self.version = head.version
        self.query = head.query
        self.request_uri = head.target

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the headers, their names in capitals with underscores."""
        return self.head.headers

    @property
    def error(self) -> Refusal | None:
        """Return the refusal, under waitress's name."""
        return self.refusal

    @property
    def path(self) -> str:
        """Return the decoded path as WSGI wants it: each byte is a character."""
        return self.head.path.decode("latin-1")

    @property
    def text_path(self) -> str:
        """Return the decoded path as text; what is not UTF-8 is replaced."""
        return self.head.path.decode("utf-8", "replace")

    def get_body_stream(self) -> BytesIO:
        """Return the body as a file, for WSGI."""
        return BytesIO(self.body.view())

    def close(self) -> None:
        """Give back the shared memory; the body goes with the last array that is a view of it."""
        taken, self.taken = self.taken, None
        if taken:
            taken[0].give_back(taken[1])


class FailedRequest:
    """What waitress answers in place of a request whose handling raised an exception."""

    command = ""
    path = text_path = ""
    version = "1.1"
    head = UNREAD

    def __init__(self, _: object) -> None:
        """Have no error yet: waitress sets it."""
        self.error: object = None
        self.headers: dict[str, str] = {}

    def close(self) -> None:
        """Hold nothing."""
