"""The few kinds of errors: of a request, of a bundle, of the settings."""

from http import HTTPStatus


class ApiError(Exception):
    """A request that cannot be answered: an HTTP status and a sentence that names the cure."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    headers: tuple[tuple[str, str], ...] = ()
    # The version of the model that it is about, once that is known.
    version = ""

    def __init__(self, message: str) -> None:
        """Keep the sentence that the client gets as `{"error": message}`."""
        super().__init__(message)
        self.message = message


class BadRequest(ApiError):
    """The request says something that cannot be done (400)."""

    status = HTTPStatus.BAD_REQUEST


class Forbidden(ApiError):
    """The request asks for what this server was not started to allow (403)."""

    status = HTTPStatus.FORBIDDEN


class NotFound(ApiError):
    """The request names a model, a version or a path that is not here (404)."""

    status = HTTPStatus.NOT_FOUND


class TooLarge(ApiError):
    """The body is larger than the server takes, once it is expanded (413)."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class UnsupportedMedia(ApiError):
    """The body has a content type that this path does not read (415)."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class UnsupportedEncoding(UnsupportedMedia):
    """The body is compressed in a way that this server does not read (415 with `Accept-Encoding`)."""

    headers = (("Accept-Encoding", "gzip, deflate"),)


class Unavailable(ApiError):
    """Nothing is wrong with the request; it can be answered later (503 with `Retry-After`)."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    headers = (("Retry-After", "1"),)


class Refused(Exception):
    """A bundle that must not take traffic; the message is the reason."""


class ModelFault(ApiError):
    """The model's result is not what its bundle promises, so the client can change nothing about it (500)."""


class SettingsError(Exception):
    """Settings that cannot be used: one sentence for each, all of them together."""

    def __init__(self, problems: list[str]) -> None:
        """Keep the sentences; each names a flag and the cure."""
        super().__init__("\n".join(problems))
        self.problems = problems
