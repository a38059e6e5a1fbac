"""Routes: a method and a path, the handler that answers them, and the thread that runs it.

The dispatcher, Flask's rules and the OpenAPI document all derive from routes, so each path is written once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any, NamedTuple, cast

from inference.api.query import model_name
from inference.api.services import Services
from inference.errors import TooLarge
from inference.messages import Reply, Request
from inference.models.model import Run
from inference.models.registry import Served

Handler = Callable[[Services, Request], Reply]
# Returns one reply for each request, in their order.
ModelHandler = Callable[[Services, Served, Sequence[Request], Run], list[Reply]]
# An OpenAPI operation, without the parts that follow from the path and from having a body.
Operation = Mapping[str, Any]

# The largest body that the I/O loop parses, in bytes.
SMALL_BODY = 1 << 16


class Where(Enum):
    """Which thread runs a route's handler."""

    LOOP = "on the I/O loop, at once: it uses no model, waits for nothing, and parses no large body"
    THREAD = "on a thread: it may wait"
    MODEL = "where the scheduler decides: it runs a model"


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path, and what answers them.

    A segment of `path` in braces matches any one segment, as the parameter of that name. `name` is the label
    of metrics. `max_body` is in bytes, before and after expansion; None stands for --max-body. `doc` None
    keeps the route out of the OpenAPI document. `tensors`: the handler decodes tensors and runs the model
    once, so the I/O loop may run a quick model, and requests may form a batch if the bundle asks for it.
    """

    method: str
    path: str
    name: str
    handler: Handler | ModelHandler
    where: Where = Where.LOOP
    doc: Operation | None = None
    max_body: int | None = SMALL_BODY
    tensors: bool = False

    def __post_init__(self) -> None:
        """Raise ValueError for a route that would let a client stop the I/O loop."""
        if self.where is Where.LOOP and (self.max_body is None or self.max_body > SMALL_BODY):
            raise ValueError(f"{self.method} {self.path}: the I/O loop reads at most {SMALL_BODY} bytes")

    def handle(self, services: Services, request: Request) -> Reply:
        """Answer a request of a route that runs no model; the handler gets its body expanded.

        Raises ApiError.
        """
        body = self._expanded(services, request) if request.body else b""
        return cast(Handler, self.handler)(services, request._replace(body=body))

    def run(self, services: Services, served: Served, requests: Sequence[Request], run: Run) -> list[Reply]:
        """Answer requests with a model, in their order. What `run` raises beside ApiError is raised."""
        return cast(ModelHandler, self.handler)(services, served, requests, run)

    def _expanded(self, services: Services, request: Request) -> bytes:
        limit = services.max_body if self.max_body is None else min(self.max_body, services.max_body)
        try:
            body = services.expanded(request, limit)
        except TooLarge:
            if limit < services.max_body:
                raise self._too_large(limit) from None
            raise
        if len(body) > limit:
            raise self._too_large(limit)
        return bytes(body)

    def _too_large(self, limit: int) -> TooLarge:
        return TooLarge(f"the body is too large: {self.method} {self.path} reads {limit} bytes")


class Found(NamedTuple):
    """The route of a request, and the parameters in its path."""

    route: Route
    params: Mapping[str, str]


def model_of(found: Found, query: str) -> tuple[str, str | None]:
    """Return which model and version a request is about: "" is the default model, None any version."""
    if "model" in found.params:
        return found.params["model"], found.params.get("version")
    return model_name(query), None


def of_model(
    method: str, suffix: str, name: str, handler: Handler | ModelHandler, **more: Any
) -> tuple[Route, Route]:
    """Make the two routes of a path below a model: without its version, and with it."""
    make = partial(Route, method, name=name, handler=handler, **more)
    return (
        make(path=f"/v2/models/{{model}}{suffix}"),
        make(path=f"/v2/models/{{model}}/versions/{{version}}{suffix}"),
    )
