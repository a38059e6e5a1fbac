"""Which Content-Type a body of JSON may have."""

from inference.errors import UnsupportedMedia
from inference.messages import JSON
from inference.protocol.binary import CONTENT_TYPE, HEADER


def require_json(content_type: str | None, *, may_be_absent: bool = False) -> None:
    """Raise UnsupportedMedia for a body that is not of JSON by its Content-Type.

    `may_be_absent`: some clients do not name a type, and tritonclient's asyncio client names
    application/octet-stream; both are accepted. A form and text/plain never are: a page of another site
    can make a browser send them without asking this server first (CORS).
    """
    if content_type == JSON:
        return
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind == JSON or (may_be_absent and kind in ("", CONTENT_TYPE)):
        return
    cure = f"; raw tensors need the header {HEADER}" if kind == CONTENT_TYPE else ""
    raise UnsupportedMedia(f"Content-Type is {kind or 'missing'}: send JSON, with Content-Type: {JSON}{cure}")
