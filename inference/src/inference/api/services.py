"""What handlers need, passed to each of them: there are no globals."""

from dataclasses import dataclass
from typing import Protocol

from inference.api.compression import Body, expand
from inference.messages import Request
from inference.models.picturefiles import PictureLimits
from inference.models.registry import Registry
from inference.protocol.limits import JsonLimits


class Control(Protocol):
    """Loads or unloads a model; returns once that is done. Raises ApiError."""

    def __call__(self, name: str, *, load: bool) -> None:
        """Load the model of that name, or unload it."""


@dataclass(frozen=True, slots=True)
class Services:
    """The models, and the limits of requests.

    `control` None: clients may not load or unload models. `max_body` is in bytes, after expansion;
    `max_expansion` is how many times as long a compressed body may become.
    """

    registry: Registry
    control: Control | None
    max_body: int
    max_expansion: int
    json_limits: JsonLimits
    picture_limits: PictureLimits

    def expanded(self, request: Request, limit: int | None = None) -> Body:
        """Return a request's body without its Content-Encoding, of at most `limit` bytes (None: `max_body`).

        Raises as `compression.expand` does.
        """
        encoding = request.headers.get("CONTENT_ENCODING")
        return expand(request.body, encoding, self.max_body if limit is None else limit, self.max_expansion)
