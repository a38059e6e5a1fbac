"""Where the pictures of a `/score` request are: in JSON, in the files of a form, or the body is one. Pure."""

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from inference.errors import BadRequest, TooLarge, UnsupportedMedia
from inference.messages import JSON
from inference.models import score
from inference.models.picturefiles import DEFAULT_LIMITS, PictureLimits, check_count
from inference.protocol.limits import DEFAULT, JsonLimits

FORM = "multipart/form-data"
MAX_PARTS = 1000
# What `curl --data-binary` says of a file unless told otherwise, and what says nothing at all.
UNSAID = ("", "application/x-www-form-urlencoded")
SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM")


def pictures(
    body: bytes,
    content_type: str | None,
    limits: PictureLimits = DEFAULT_LIMITS,
    json: JsonLimits = DEFAULT,
) -> list[bytes]:
    """Return the picture files of a request; raises BadRequest, TooLarge or UnsupportedMedia."""
    kind, options = parse_options_header(content_type)
    kind = kind.strip().lower()
    if kind == JSON:
        return score.pictures(body, limits, json)
    if kind == FORM:
        files = _files(body, options.get("boundary", ""))
        check_count(len(files), limits)
        return [bytes(file) for file in files]
    if kind.startswith("image/") or kind == "application/octet-stream":
        return [body]
    if kind in UNSAID and body.startswith(SIGNATURES):
        return [body]
    raise UnsupportedMedia(
        f"Content-Type is {kind or 'missing'}: send a picture as image/png or image/jpeg, several as files "
        f"of a {FORM}, or JSON, with Content-Type: {JSON}"
    )


def _files(body: bytes, boundary: str) -> list[bytearray]:
    try:
        files = _parsed(body, boundary)
    except RequestEntityTooLarge:
        raise TooLarge(f"the form has too many parts: this server takes {MAX_PARTS}") from None
    except ValueError as error:
        raise BadRequest(f"the body is no {FORM} of the boundary {boundary!r}: {error}") from None
    if not files:
        raise BadRequest("the form has no file; send one like: curl -F image=@7.png")
    return files


def _parsed(body: bytes, boundary: str) -> list[bytearray]:
    """Return the parts that are files: a browser names no file where none was chosen."""
    decoder = MultipartDecoder(boundary.encode("latin-1"), max_parts=MAX_PARTS)
    decoder.receive_data(body)
    decoder.receive_data(None)
    files: list[bytearray] = []
    part = bytearray()
    while not isinstance(event := decoder.next_event(), Epilogue | NeedData):
        if isinstance(event, Data):
            part += event.data
        elif isinstance(event, Field | File):
            part = bytearray()
            if isinstance(event, File) and event.filename:
                files.append(part)
    return files
