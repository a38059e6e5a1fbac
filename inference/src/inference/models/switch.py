"""Replaces one version with another: the new one is checked, then loaded, and becomes the active version.

It is checked and loaded beside the old one where memory allows that, else after the old one has left memory.
All of this runs in the loader's thread. `advance` does what can be done at once; a check that runs, and a
request that still holds the old version, wake the loader when they end.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from inference.errors import Refused
from inference.logs import fields, logger
from inference.machine import memory
from inference.models.changes import Active, Change, LoadContext
from inference.models.loading import Loaded, load_counted
from inference.models.registry import Entry, Registry, Served
from inference.models.room import Estimate, need, never, weigh
from inference.models.space import Space
from inference.models.verdict import Verdict
from inference.models.volume import Target, digest

# The most checks at the same time.
MOST_CHECKS = 2


@dataclass(slots=True)
class Switch:
    """Switches the models of a registry; only one thread may use it.

    Any thread calls `freed` when there is memory to give back, `checked` with the verdict on a change, and
    `made` when the optimised copy of a version is there. `advance` calls `refused` with the reason.
    """

    registry: Registry
    context: LoadContext
    freed: Callable[[], None]
    checked: Callable[[Change, Verdict], None]
    made: Callable[[str, Target], None]
    refused: Callable[[str, Target, str], None]
    clock: Callable[[], float] = time.monotonic
    _changes: dict[str, Change] = field(default_factory=dict)
    _active: dict[str, Active] = field(default_factory=dict)
    _lasts: dict[tuple[str, bool], Estimate] = field(default_factory=dict)
    # Per model, the version before the active one.
    _replaced: dict[str, str] = field(default_factory=dict)
    _space: Space = field(init=False)

    def __post_init__(self) -> None:
        """Share the table of active versions with what makes room."""
        self._space = Space(self.registry, self.context, self._active, self.clock)

    def begin(self, name: str, target: Target) -> None:
        """Start to make a version the active one, in place of whatever the model is on its way to."""
        self._drop(name)
        copies = self.context.copies
        copy = copies.find(name, target) if copies else None
        self._changes[name] = Change(name, target, copy, self.clock())

    def use_copy(self, name: str, target: Target) -> None:
        """Start to replace the active version by its optimised copy, if it is that version still."""
        copies, active = self.context.copies, self._active.get(name)
        copy = copies.find(name, target) if copies else None
        if copy and active and active.target.version == target.version and name not in self._changes:
            self._changes[name] = Change(name, target, copy, self.clock(), same_version=True)

    def busy(self, name: str) -> bool:
        """Return whether a model is on its way to another version."""
        change = self._changes.get(name)
        return change is not None and not change.same_version

    def cancel(self, name: str) -> None:
        """Stay with the active version; loads it again if it has left memory."""
        self._drop(name)
        self._restore(name)

    def forget(self, name: str) -> None:
        """Forget a model, which has no active version any more."""
        self._drop(name)
        self._active.pop(name, None)

    def judge(self, change: Change, verdict: Verdict) -> None:
        """Take the verdict on a change, unless the change was dropped meanwhile."""
        if self._changes.get(change.name) is change:
            change.check, change.verdict = None, verdict

    def advance(self) -> float | None:
        """Do all that can be done now; return in how many seconds to look again, None if something wakes."""
        before: list[object] = []
        # What ends makes room for what waits, whichever comes first in the table.
        while before != (now := self._state()):
            before = now
            for change in list(self._changes.values()):
                self._try(change)
        return self._space.look_again(self._changes)

    def _state(self) -> list[object]:
        return [(change, change.check, change.verdict) for change in self._changes.values()]

    def _try(self, change: Change) -> None:
        try:
            if change.check is not None:
                return
            if change.verdict is None:
                self._check(change)
            elif change.verdict.reason is not None:
                raise Refused(change.verdict.reason)
            else:
                self._load(change, change.verdict)
        except Refused as refused:
            reason = str(refused)
        else:
            return
        self._refuse(change, reason)

    def _check(self, change: Change) -> None:
        """Start the check of a version, if there is room for it."""
        checks = [one.need for one in self._changes.values() if one.check]
        weights = weigh(change.target.directory)
        self._refuse_for_ever(0 if change.copy else weights.inside)
        last = self._lasts.get((change.name, change.copy is not None))
        change.need = need(weights, optimised=change.copy is not None, last=last)
        if len(checks) < MOST_CHECKS and self._has_room(change, change.need):
            task = self._space.task(change, weights)
            change.check = self.context.checks.start(
                change.key(), task, lambda verdict: self.checked(change, verdict)
            )

    def _load(self, change: Change, verdict: Verdict) -> None:
        """Load a version that its check accepted, if there is room for it."""
        weights = weigh(change.target.directory)
        peak = max(verdict.peak, 0 if change.copy else weights.inside)
        self._refuse_for_ever(peak)
        last = Estimate(peak, weights.total)
        self._lasts[change.name, change.copy is not None] = last
        needed = need(weights, optimised=change.copy is not None, last=last)
        # All workers load at once.
        if self._has_room(change, needed * self.context.workers):
            self._serve(change, verdict)

    def _refuse_for_ever(self, needed: int) -> None:
        reason = never(self.context.memory(), needed)
        if reason:
            raise Refused(reason)

    def _has_room(self, change: Change, needed: int) -> bool:
        busy = sum(one.need for one in self._changes.values() if one.check)
        decided = self._space.decide(change, needed, busy)
        if decided is None:
            return False
        if change.same_version and not decided.fits:
            del self._changes[change.name]
            message = "the optimised copy waits for the next start: memory has no room for both"
            logger.info(message, extra=change.fields(decided))
            return False
        if change.verdict:
            logger.info("loading", extra=change.fields(decided))
        return True

    def _serve(self, change: Change, verdict: Verdict) -> None:
        loaded, gone = self._open(change.name, change.target, verdict, change.copy)
        name, target = change.name, change.target
        if change.same_version:
            served = replace(self.registry.get(name), model=loaded.model, pipeline=loaded.pipeline)
            logger.info("the optimised copy serves", extra=fields(model=name, version=target.version))
        else:
            served = self._served(change, loaded)
        del self._changes[name]
        self._active[name] = Active(target, verdict, gone)
        self.registry.put(name, served=served, refusal=None, loading=None, replacing=False)
        if change.same_version:
            return
        took = self.clock() - change.began
        self.context.events.loaded(name, took)
        told = fields(model=name, version=served.version, digest=served.digest, seconds=round(took, 3))
        logger.info("serving", extra=told)
        if verdict.trouble is not None and not verdict.examples:
            logger.warning("the warm-up on zeros fails: give examples", extra=fields(reason=verdict.trouble))
        if verdict.untried is not None:
            logger.warning("batching is not tried", extra=fields(model=name, reason=verdict.untried))
        if not change.copy:
            self._space.make_copy(name, target, self.made)

    def _served(self, change: Change, loaded: Loaded) -> Served:
        before = self.registry.entries().get(change.name, Entry()).served
        served = Served(
            change.name, change.target.version, digest(change.target.directory), datetime.now(UTC),
            loaded.bundle, loaded.model, loaded.pipeline, loaded.most_rows,
        )  # fmt: skip
        self._forget_metrics(change.name, served.version)
        return replace(served, pace=before.pace) if before else served

    def _forget_metrics(self, name: str, version: str) -> None:
        """Drop what the version before the one that is replaced now has counted."""
        active, gone = self._active.get(name), self._replaced.get(name)
        if active:
            self._replaced[name] = active.target.version
        if gone not in (None, version, self._replaced.get(name)):
            self.context.events.forgotten(name, gone)

    def _open(
        self, name: str, target: Target, verdict: Verdict, copy: Path | None
    ) -> tuple[Loaded, threading.Event]:
        return load_counted(name, target, verdict, self.context, copy, self.freed)

    def _refuse(self, change: Change, reason: str) -> None:
        copies = self.context.copies
        if change.copy and copies:
            copies.discard(change.name, change.target, reason)
            change.copy = change.verdict = None
            if change.same_version:
                del self._changes[change.name]
            return
        del self._changes[change.name]
        self._restore(change.name)
        self.refused(change.name, change.target, reason)

    def _drop(self, name: str) -> None:
        change = self._changes.pop(name, None)
        if change and change.check:
            change.check.cancel()

    def _restore(self, name: str) -> None:
        """Load the active version again, if it has left memory."""
        active = self._active.get(name)
        if active is None or active.leaves_by is None:
            return
        memory.trim()
        told = fields(model=name, version=active.target.version)
        try:
            copies = self.context.copies
            copy = copies.find(name, active.target) if copies else None
            loaded, active.gone = self._open(name, active.target, active.verdict, copy)
        except Refused as refused:
            self._active.pop(name)
            self.registry.put(name, served=None, replacing=False)
            told["fields"]["reason"] = str(refused)
            logger.error("the previous version cannot be loaded again", extra=told)
            return
        active.leaves_by = None
        served = replace(self.registry.get(name), model=loaded.model, pipeline=loaded.pipeline)
        self.registry.put(name, served=served, replacing=False)
        logger.info("previous version restored", extra=told)
