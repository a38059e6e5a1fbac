"""Which version of each model serves, and which was refused.

Readers take no lock: they read one reference to an immutable table, and the loader replaces it. Only who
wants to run a model that is being replaced waits.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

from inference.errors import BadRequest, NotFound, Unavailable
from inference.models.bundle import Bundle
from inference.models.model import Model
from inference.models.pace import Pace
from inference.models.pipeline import Pipeline
from inference.models.stats import Stats


@dataclass(frozen=True, slots=True)
class Served:
    """A version that takes traffic. A request that holds one finishes on it, whatever comes meanwhile."""

    name: str
    version: str
    digest: str | None
    since: datetime
    bundle: Bundle
    model: Model
    pipeline: Pipeline | None
    # The most rows that one run may have of several requests; 1: it runs each alone.
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

    `replacing`: what serves has left the memory to make room for its successor. It can be described, not run:
    a request for it waits in `Registry.to_run`, so the I/O loop must not serve it.
    """

    served: Served | None = None
    refusal: Refusal | None = None
    loading: str | None = None
    unloaded: bool = False
    replacing: bool = False


_UNKNOWN = Entry()


@dataclass(slots=True)
class Registry:
    """The models of this process. `expected` are those it must serve; empty: whatever is on the volume.

    One thread writes (the loader), any may read. `patience` is how many seconds a request waits for a model
    that is being replaced.
    """

    expected: tuple[str, ...] = ()
    patience: float = 30.0
    draining: bool = False
    scanned: bool = False
    # Called after each change, by the thread that made it.
    changed: Callable[["Registry"], None] = lambda _: None
    # Whether another worker on the same port, that has just started too, can serve nothing yet.
    others_start: Callable[[], bool] = lambda: False
    _entries: MappingProxyType[str, Entry] = field(init=False)
    _condition: threading.Condition = field(default_factory=threading.Condition)

    def __post_init__(self) -> None:
        """Know the expected models before their directories are there."""
        self._entries = MappingProxyType({name: Entry() for name in self.expected})

    def entries(self) -> MappingProxyType[str, Entry]:
        """Return the table as it is now; it never changes afterwards."""
        return self._entries

    def served(self) -> list[Served]:
        """Return all that takes traffic, the default first."""
        return [entry.served for entry in self._entries.values() if entry.served]

    def put(self, name: str, **changes: object) -> None:
        """Change what is known of a model, in one step."""
        entry = replace(self._entries.get(name, _UNKNOWN), **changes)  # type: ignore[arg-type]
        with self._condition:
            self._entries = MappingProxyType({**self._entries, name: entry})
            self._condition.notify_all()
        self.changed(self)

    def remove(self, name: str) -> None:
        """Forget a model."""
        with self._condition:
            rest = {key: entry for key, entry in self._entries.items() if key != name}
            self._entries = MappingProxyType(rest)
            self._condition.notify_all()
        self.changed(self)

    def all_seen(self) -> None:
        """Say that all that is on the volume has been looked at once."""
        if not self.scanned:
            self.scanned = True
            self.changed(self)

    def ready(self) -> bool:
        """Tell whether this process should get traffic."""
        return self.unready_reason() is None

    def unready_reason(self) -> str | None:
        """Say why this process should get no traffic; None if it should.

        Once a model serves, another that comes later and is refused does not take the process out.
        """
        if self.draining:
            return "shutting down"
        reason = self.unloaded_reason()
        if reason is None and self.others_start():
            return "loading in another worker"
        return reason

    def unloaded_reason(self) -> str | None:
        """Say why this process cannot serve, whatever others on its port can; None if it can."""
        if self.expected:
            lacking = [name for name in self.expected if not self._entries[name].served]
            return f"not loaded: {self._whys(lacking)}" if lacking else None
        if not self.scanned:
            return "loading"
        return (
            None
            if self.served()
            else f"no model serves: {self._whys(self._entries) or 'the volume has none yet'}"
        )

    def _whys(self, names: Iterable[str]) -> str:
        return "; ".join(why_not(name, self._entries[name]) for name in names)

    def entry(self, name: str) -> Entry:
        """Return what is known of a model; raises NotFound if nothing is."""
        entry = self._entries.get(name)
        if entry is None:
            raise NotFound(f"model {name!r}: unknown; there is {', '.join(self._entries) or 'none yet'}")
        return entry

    def get(self, name: str) -> Served:
        """Return what serves a model, to describe it; never waits.

        Raises NotFound if it is unknown, Unavailable if it is not loaded.
        """
        return _serving(name, self.entry(name))

    def get_version(self, name: str, version: str) -> Served:
        """Return what serves a model if it is that version; raises NotFound that names what serves."""
        return _of_version(self.get(name), version)

    def label(self, name: str | None) -> str:
        """Return a model's name for a label of metrics, none for one that a client made up."""
        return name if name and name in self._entries else ""

    def at_hand(self, name: str | None, version: str | None = None) -> Served | None:
        """Return what serves a model, the default one if none is named; None where `get` raises or waits."""
        if not name:
            names = self.expected[:1] or tuple(self._entries)
            name = names[0] if len(names) == 1 else ""
        entry = self._entries.get(name, _UNKNOWN)
        served = None if entry.replacing else entry.served
        return served if served and version in (None, served.version) else None

    def to_run(self, name: str, version: str | None = None) -> Served:
        """Return what serves a model, to run it; waits while it is replaced, so not for the I/O loop.

        Raises as `get` and `get_version` do, and Unavailable if the wait is longer than `patience`.
        """
        # One look at the entry decides: its model can be gone at the next.
        entry = self.entry(name)
        if entry.replacing:
            entry = self._wait_replaced(name)
        served = _serving(name, entry)
        return served if version is None else _of_version(served, version)

    def _wait_replaced(self, name: str) -> Entry:
        with self._condition:
            if self._condition.wait_for(lambda: not self.entry(name).replacing, self.patience):
                return self.entry(name)
            raise Unavailable(
                f"model {name!r}: version {self.entry(name).loading!r} is still loading, and memory has no "
                "room for the one before it meanwhile; try again"
            )

    def default_name(self, name: str | None = None) -> str:
        """Return that name, or the name of the only model, or the first of `expected`."""
        if name:
            return name
        if self.expected:
            return self.expected[0]
        if len(self._entries) > 1:
            raise BadRequest(
                f"several models serve here: choose one by ?model=NAME, of {', '.join(self._entries)}"
            )
        for only in self._entries:
            return only
        raise Unavailable("no model is loaded yet: the volume has none")

    def default(self, name: str | None = None) -> Served:
        """Return the model of that name, or the only one, or the first of `expected`."""
        return self.get(self.default_name(name))


def _serving(name: str, entry: Entry) -> Served:
    if entry.served is None:
        raise Unavailable(f"model {why_not(name, entry)}")
    return entry.served


def _of_version(served: Served, version: str) -> Served:
    if served.version != version:
        raise NotFound(f"model {served.name!r}: version {version!r} is not served; {served.version!r} is")
    return served


def why_not(name: str, entry: Entry) -> str:
    """Say why a model does not serve: `digits: v3 was refused: …`."""
    if entry.refusal:
        return f"{name!r}: version {entry.refusal.version!r} was refused: {entry.refusal.reason}"
    if entry.loading:
        return f"{name!r}: version {entry.loading!r} is loading"
    if entry.unloaded:
        return f"{name!r}: was unloaded; POST /v2/repository/models/{name}/load brings it back"
    return f"{name!r}: no version is on the volume yet"
