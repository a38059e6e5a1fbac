"""Cross-origin resource sharing: which pages of other origins may read replies. Pure.

Source: the Fetch standard, section "CORS protocol" (fetch.spec.whatwg.org). Without --cors-origin no reply
has any of these headers, and browsers keep replies from all pages but the server's own.
"""

from collections.abc import Mapping
from http import HTTPStatus

from inference.messages import Headers, Reply
from inference.protocol.binary import HEADER

ANY = "*"
# What a page may read beside the few headers that it always may.
_EXPOSED = ("Access-Control-Expose-Headers", f"{HEADER}, Server-Timing, X-Model-Version, X-Request-Id")
_VARY = ("Vary", "Origin")
# `*` does not stand for Authorization, which a proxy in front of the server may want.
_PREFLIGHT: Headers = (
    ("Access-Control-Allow-Headers", "*, Authorization"),
    ("Access-Control-Max-Age", "600"),
)


def cors_headers(allowed: tuple[str, ...], origin: str | None) -> Headers:
    """Return the headers that let pages of an origin read a reply.

    `allowed` are origins, or `*` for any; `origin` is the request's header of that name.
    """
    if not allowed:
        return ()
    if ANY in allowed:
        # The same for each request, so that caches need not keep a reply for each origin.
        return (("Access-Control-Allow-Origin", ANY), _EXPOSED)
    if origin not in allowed:
        return (_VARY,)
    return (("Access-Control-Allow-Origin", origin), _EXPOSED, _VARY)


def preflighted(reply: Reply, allowed: tuple[str, ...], headers: Mapping[str, str]) -> Reply:
    """Return the reply to an OPTIONS request, completed if a browser asks by it before a page's request.

    `headers` are the request's, their names in capitals with underscores. `cors_headers` come on top.
    """
    asks = reply.status == HTTPStatus.NO_CONTENT and "ACCESS_CONTROL_REQUEST_METHOD" in headers
    if not asks or not (ANY in allowed or headers.get("ORIGIN") in allowed):
        return reply
    methods = dict(reply.headers).get("Allow", "")
    return reply._replace(headers=(*reply.headers, ("Access-Control-Allow-Methods", methods), *_PREFLIGHT))
