"""Which version of each model is active, and which was refused.

Readers take no lock: they read one reference to an immutable table, and a writer replaces it. Only who wants
to run a model that is being replaced waits.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from inference.errors import BadRequest, NotFound, Unavailable
from inference.models.model import Model
from inference.models.served import Entry, Lease, Refusal, Served, why_not

__all__ = ["Entry", "Lease", "Refusal", "Registry", "Served", "why_not"]

_UNKNOWN = Entry()


@dataclass(slots=True)
class Registry:
    """The models of this process. `expected` are those it must serve; empty: whatever is on the volume.

    It owns the models: it closes a model once the table does not have it any longer. A lease keeps a model in
    memory beyond that. `swap_wait` is how many seconds `lease` waits for a model that is being replaced.
    """

    expected: tuple[str, ...] = ()
    swap_wait: float = 30.0
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
        """Change what is known of a model, in one step; closes the model of a version that this replaces."""
        with self._condition:
            entry = replace(self._entries.get(name, _UNKNOWN), **changes)  # type: ignore[arg-type]
            gone = self._set({**self._entries, name: entry})
        self._close(gone)

    def remove(self, name: str) -> None:
        """Forget a model, and close it."""
        with self._condition:
            gone = self._set({key: entry for key, entry in self._entries.items() if key != name})
        self._close(gone)

    def vacate(self, name: str) -> None:
        """Close the model of the active version, which can still be described; requests for it wait."""
        self.put(name, replacing=True)
        self.get(name).model.close()

    def _set(self, entries: dict[str, Entry]) -> list[Model]:
        """Replace the table; return the models that it had and has no longer. The caller holds the lock."""
        before, self._entries = self._entries, MappingProxyType(entries)
        self._condition.notify_all()
        kept = [entry.served.model for entry in entries.values() if entry.served]
        had = [entry.served.model for entry in before.values() if entry.served]
        return [model for model in had if model not in kept]

    def _close(self, gone: list[Model]) -> None:
        # After the table: whoever fails to acquire a model finds its successor there.
        for model in gone:
            model.close()
        self.changed(self)

    def all_seen(self) -> None:
        """Note that each model that was on the volume at start serves or was refused."""
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
            whys = self._whys(name for name, entry in self._entries.items() if entry.loading)
            return f"loading: {whys}" if whys else "loading"
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

    def available(self, name: str | None, version: str | None = None) -> Served | None:
        """Return the active version of a model (of the default one without a name), to describe it.

        None where `lease` would raise or wait.
        """
        if not name:
            names = self.expected[:1] or tuple(self._entries)
            name = names[0] if len(names) == 1 else ""
        entry = self._entries.get(name, _UNKNOWN)
        served = None if entry.replacing else entry.served
        return served if served and version in (None, served.version) else None

    def try_lease(self, name: str | None, version: str | None = None) -> Lease | None:
        """Lease what `available` returns; never waits, never raises, so the I/O loop may call it."""
        served = self.available(name, version)
        return Lease(served) if served and served.model.acquire() else None

    def lease(self, name: str | None, version: str | None = None) -> Lease:
        """Lease the active version of a model (of the default one without a name) for a thread.

        Waits while the model is being replaced. Raises as `get` and `get_version` do, BadRequest if there is
        no default, and Unavailable if the wait is longer than `swap_wait`.
        """
        name = self.default_name(name)
        deadline = time.monotonic() + self.swap_wait
        while True:
            # One look at the entry decides: its model can be gone at the next.
            entry = self.entry(name)
            if not entry.replacing:
                served = _serving(name, entry)
                served = served if version is None else _of_version(served, version)
                if served.model.acquire():
                    return Lease(served)
            # Being replaced, or replaced since that look.
            self._wait_changed(name, entry, deadline)

    def _wait_changed(self, name: str, seen: Entry, deadline: float) -> None:
        with self._condition:
            changed = self._condition.wait_for(
                lambda: self._entries.get(name) is not seen, deadline - time.monotonic()
            )
        if not changed:
            raise Unavailable(
                f"model {name!r}: version {seen.loading!r} is still loading, and memory has no room for the "
                "one before it meanwhile; try again"
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
