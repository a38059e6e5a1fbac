"""What is known of each model: its active version, the version that was refused, and leases."""

from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType

from inference.models.bundle import Bundle
from inference.models.model import Model
from inference.models.pace import Pace
from inference.models.pipeline import Pipeline
from inference.models.stats import Stats


@dataclass(frozen=True, slots=True)
class Served:
    """An active version. To run its model takes a lease; to describe it does not."""

    name: str
    version: str
    digest: str | None
    since: datetime
    bundle: Bundle
    model: Model
    pipeline: Pipeline | None
    # The most rows that one run may have of several requests; 1: each request runs alone.
    most_rows: int = 1
    stats: Stats = field(default_factory=Stats)
    pace: Pace = field(default_factory=Pace)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A version that must not take traffic, and why."""

    version: str
    reason: str


@dataclass(frozen=True, slots=True)
class Entry:
    """All that is known of one model.

    `replacing`: the active version has left the memory to make room for its successor. It can be described,
    but not run: `Registry.lease` waits for the successor.
    """

    served: Served | None = None
    refusal: Refusal | None = None
    loading: str | None = None
    unloaded: bool = False
    replacing: bool = False


class Lease:
    """Keeps the model of a version in memory until it is closed. Belongs to one thread at a time."""

    __slots__ = ("_open", "served")

    def __init__(self, served: Served) -> None:
        """Take over one acquisition of the model, which `close` releases."""
        self.served = served
        self._open = True

    def close(self) -> None:
        """Release the model. A second call changes nothing."""
        if self._open:
            self._open = False
            self.served.model.release()

    def __enter__(self) -> Served:
        """Return the version."""
        return self.served

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the model."""
        self.close()


def why_not(name: str, entry: Entry) -> str:
    """Say why a model has no active version: `digits: v3 was refused: …`."""
    if entry.refusal:
        return f"{name!r}: version {entry.refusal.version!r} was refused: {entry.refusal.reason}"
    if entry.loading:
        return f"{name!r}: version {entry.loading!r} is loading"
    if entry.unloaded:
        return f"{name!r}: was unloaded; POST /v2/repository/models/{name}/load brings it back"
    return f"{name!r}: no version is on the volume yet"
