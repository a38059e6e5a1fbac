"""Puts one version in the place of another: loaded beside it where memory allows, else after it."""

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from inference.errors import Refused
from inference.logs import fields, logger
from inference.machine import memory
from inference.machine.cgroup import Memory
from inference.models.copies import LEAST_BYTES, Copies
from inference.models.events import Events, NoEvents
from inference.models.execution import Execution
from inference.models.gate import Loaded, load
from inference.models.registry import Entry, Registry, Served
from inference.models.room import Estimate, Plan, need, need_to_optimise, plan, weigh
from inference.models.volume import Target, digest


@dataclass(frozen=True, slots=True)
class Means:
    """What a switch has at hand: how models run, where optimised copies are, what memory there is."""

    execution: Execution
    max_pixels: int
    workers: int = 1
    copies: Copies | None = None
    memory: Callable[[], Memory | None] = lambda: None
    events: Events = field(default_factory=NoEvents)


@dataclass(slots=True)
class Switch:
    """Switches the models of a registry.

    `released` is called, by any thread, when there is memory to give back; `made` when the optimised copy of
    a version is there, for `use_copy`.
    """

    registry: Registry
    means: Means
    released: Callable[[], None]
    made: Callable[[str, Target], None]
    _targets: dict[str, Target] = field(default_factory=dict)
    _replaced: dict[str, str] = field(default_factory=dict)
    # Of the active version: set once its memory is free.
    _gone: dict[str, threading.Event] = field(default_factory=dict)
    _lasts: dict[tuple[str, bool], Estimate] = field(default_factory=dict)

    def to(self, name: str, target: Target) -> None:
        """Take a version into service; raises Refused, and then what served before still does."""
        copies = self.means.copies
        copy = copies.find(name, target) if copies else None
        if copies and copy:
            try:
                self._bring(name, target, copy)
            except Refused as refused:
                copies.discard(name, target, str(refused))
            else:
                return
        self._bring(name, target, None)
        self._make_copy(name, target)

    def use_copy(self, name: str, target: Target) -> None:
        """Let the optimised copy of a version serve in place of the original, if that serves still."""
        copies = self.means.copies
        copy = copies.find(name, target) if copies else None
        serving = self._targets.get(name)
        if not copies or not copy or not serving or serving.version != target.version:
            return
        room = self._plan(name, target, copy)
        told = fields(model=name, version=target.version, **asdict(room))
        if not room.fits:
            logger.info(
                "the optimised copy waits for the next start: memory has no room for both", extra=told
            )
            return
        try:
            loaded, gone = self._load(name, target, copy)
        except Refused as refused:
            copies.discard(name, target, str(refused))
            return
        served = replace(self.registry.get(name), model=loaded.model, pipeline=loaded.pipeline)
        self.registry.put(name, served=served)
        self._gone[name] = gone
        logger.info("the optimised copy serves", extra=told)

    def forget(self, name: str) -> None:
        """Forget a model that does not serve any more."""
        self._targets.pop(name, None)
        self._gone.pop(name, None)

    def _bring(self, name: str, target: Target, copy: Path | None) -> None:
        plan = self._plan(name, target, copy)
        told = fields(model=name, version=target.version, optimised=copy is not None, **asdict(plan))
        if plan.fits or name not in self._targets:
            logger.info("loading", extra=told)
            self._serve(name, target, copy)
            return
        logger.info("no room for both: requests wait while the new version takes the old one's", extra=told)
        self._drop(name)
        try:
            self._serve(name, target, copy)
        except Refused:
            self._restore(name)
            raise

    def _plan(self, name: str, target: Target, copy: Path | None) -> Plan:
        last = self._lasts.get((name, copy is not None))
        needed = need(weigh(target.directory), optimised=copy is not None, last=last)
        # All workers load at once.
        return plan(self.means.memory(), needed * self.means.workers)

    def _serve(self, name: str, target: Target, copy: Path | None) -> None:
        started = time.perf_counter()
        loaded, gone = self._load(name, target, copy)
        took = time.perf_counter() - started
        served = Served(
            name, target.version, digest(target.directory), datetime.now(UTC),
            loaded.bundle, loaded.model, loaded.pipeline, loaded.most_rows,
        )  # fmt: skip
        before = self.registry.entries().get(name, Entry()).served
        if before:
            served = replace(served, pace=before.pace)
        self._forget_metrics(name, served.version)
        self.registry.put(name, served=served, refusal=None, loading=None, replacing=False)
        self._targets[name], self._gone[name] = target, gone
        self.means.events.loaded(name, took)
        told = fields(model=name, version=served.version, digest=served.digest, seconds=round(took, 3))
        logger.info("serving", extra=told)

    def _forget_metrics(self, name: str, version: str) -> None:
        """Drop what the version before the one that is replaced now has counted."""
        replaced, gone = self._targets.get(name), self._replaced.get(name)
        if replaced:
            self._replaced[name] = replaced.version
        if gone not in (None, version, self._replaced.get(name)):
            self.means.events.forgotten(name, gone)

    def _load(self, name: str, target: Target, copy: Path | None) -> tuple[Loaded, threading.Event]:
        gone = threading.Event()

        def released() -> None:
            gone.set()
            self.released()

        try:
            with memory.Growth() as growth:
                loaded = load(target.directory, self.means.execution, self.means.max_pixels, released, copy)
        except Refused:
            raise
        except Exception as error:
            logger.exception("loading failed", extra=fields(model=name, version=target.version))
            raise Refused(f"{type(error).__name__}: {error}") from None
        self._lasts[name, copy is not None] = Estimate(growth.peak, weigh(target.directory).total)
        return loaded, gone

    def _drop(self, name: str) -> None:
        """Take the model that serves out of memory, once its last request is done."""
        self.registry.vacate(name)
        if not self._gone[name].wait(self.registry.swap_wait):
            logger.warning(
                "a request still holds the old version; loading all the same", extra=fields(model=name)
            )
        memory.trim()

    def _restore(self, name: str) -> None:
        """Load what was dropped again."""
        memory.trim()
        target = self._targets[name]
        copy = self.means.copies.find(name, target) if self.means.copies else None
        told = fields(model=name, version=target.version)
        try:
            loaded, self._gone[name] = self._load(name, target, copy)
        except Refused as refused:
            self.registry.put(name, served=None, replacing=False)
            self.forget(name)
            logger.error(
                "what served does not load again", extra={"fields": told["fields"] | {"reason": str(refused)}}
            )
            return
        served = replace(self.registry.get(name), model=loaded.model, pipeline=loaded.pipeline)
        self.registry.put(name, served=served, replacing=False)
        logger.info("what served does so again", extra=told)

    def _make_copy(self, name: str, target: Target) -> None:
        copies, weights = self.means.copies, weigh(target.directory)
        if not copies or weights.total < LEAST_BYTES:
            return
        room = plan(self.means.memory(), need_to_optimise(weights))
        if room.fits:
            copies.start(name, target, lambda: self.made(name, target))
        else:
            told = fields(model=name, version=target.version, **asdict(room))
            logger.info("no optimised copy is made: memory has no room for that", extra=told)
