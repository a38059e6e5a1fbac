"""Which Content-Type a body may have."""

from inference.errors import UnsupportedMedia
from inference.messages import JSON
from inference.protocol.binary import CONTENT_TYPE, HEADER


def require_json(content_type: str | None, *, may_be_absent: bool = False) -> None:
    """Refuse a body that does not say it is JSON; raises UnsupportedMedia."""
    if content_type == JSON:
        return
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind == JSON or (may_be_absent and not kind):
        return
    cure = f"; raw tensors need the header {HEADER}" if kind == CONTENT_TYPE else ""
    raise UnsupportedMedia(f"Content-Type is {kind or 'missing'}: send JSON, with Content-Type: {JSON}{cure}")
