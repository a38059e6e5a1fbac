"""What obstore's errors mean. Pure."""

import re
from dataclasses import dataclass

from obstore.exceptions import (
    AlreadyExistsError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from model_fetcher.errors import AccessDenied, Conflict, FetcherError, NotFound, StoreError
from model_fetcher.sources.base import NoSuchBlob

_ABSENT = {"NoSuchKey", "404 Not Found"}
_DENIED = {
    "401 Unauthorized",
    "403 Forbidden",
    "AccessDenied",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidIdentityToken",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "XAdminUserNotFound",  # versitygw's InvalidAccessKeyId
}
_ELSEWHERE = {"PermanentRedirect", "AuthorizationHeaderMalformed"}
# Where machines ask for their credentials: what fails there is no fault of the store.
_METADATA = ("http://169.254.", "http://metadata")
_REASONS = (
    re.compile(r"<Code>(\w+)</Code>"),
    re.compile(r"status code: (\d{3}[ \w]*)"),
    re.compile(r'(?:message|error): "([^"]+)"'),
    re.compile(r"kind: (Timeout|Connect)"),
)
_S3 = "permits s3:GetObject and s3:ListBucket (to publish: s3:PutObject and s3:DeleteObject, too)"
_GS = "has the role Storage Object Viewer (to publish: Storage Object User)"
_ANONYMOUS = "the bucket is not public: choose another --auth"
_CURE = {
    ("s3", "key"): f"check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and that the key {_S3}",
    ("s3", "workload-identity"): f"check whom AWS_ROLE_ARN trusts, and that the role {_S3}",
    (
        "s3",
        "default",
    ): "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give --auth anonymous for a public "
    f"bucket; where the machine has a role, check that it {_S3}",
    ("s3", "anonymous"): _ANONYMOUS,
    ("gs", "key"): f"check GOOGLE_SERVICE_ACCOUNT_KEY, and that the account {_GS}",
    ("gs", "default"): "set GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT_KEY, or give --auth "
    f"anonymous for a public bucket; where the machine has an identity, check that it {_GS}",
    ("gs", "anonymous"): _ANONYMOUS,
}


@dataclass(frozen=True, slots=True)
class Place:
    """What an error has to say of the store: its scheme, bucket and endpoint, and the way of the sign-in."""

    scheme: str
    bucket: str
    endpoint: str
    method: str

    @property
    def cure(self) -> str:
        """What to do about an access that is denied."""
        return _CURE[self.scheme, self.method]


def translated(doing: str, error: Exception, place: Place) -> FetcherError:
    """One of our errors for one of obstore's, which happened while `doing`."""
    text = str(error)
    said = reason(text)
    if said == "NoSuchBucket":
        where = f"bucket {place.bucket!r} of {place.endpoint}"
        return NotFound(f"{doing}: {where} is not there: create it or correct the source")
    if said in _ELSEWHERE:
        return NotFound(f"{doing}: bucket {place.bucket!r} is in another region: set AWS_REGION")
    if any(address in text for address in _METADATA):
        return AccessDenied(f"{doing}: the machine gives no credentials ({said}); {place.cure}")
    if isinstance(error, PermissionDeniedError | UnauthenticatedError) or said in _DENIED:
        return AccessDenied(f"{doing}: {said}; {place.cure}")
    if isinstance(error, AlreadyExistsError | PreconditionError):
        return Conflict(f"{doing}: somebody else wrote it first")
    if isinstance(error, FileNotFoundError) and said in _ABSENT:
        return NoSuchBlob(f"{doing}: it is not there")
    return StoreError(f"{doing}: {said}")


def reason(text: str) -> str:
    """The server's code for an error, else its status, else the innermost cause, else obstore's first line.

    Never the whole: the body of an answer may quote what was signed.
    """
    if "redirect without LOCATION" in text:
        return "PermanentRedirect"
    for pattern in _REASONS:
        if found := pattern.findall(text):
            return str(found[-1])
    return text.split("\n")[0]
