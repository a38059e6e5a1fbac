"""Keeps the registry equal to the volume: loads, checks, switches and lets go, in one background thread."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue

from inference import batches, golden, memory
from inference.bundle import Bundle, read_bundle
from inference.errors import BadRequest, NotFound, Refused
from inference.logs import fields, logger
from inference.metrics import LOAD_SECONDS, REFUSED, SWAPS
from inference.model import MODEL_FILE, Model, Threading
from inference.pipeline import Pipeline, build
from inference.registry import Entry, Refusal, Registry, Served, why_not
from inference.settings import NAME
from inference.volume import Target, digest, model_names, read_target


@dataclass(frozen=True, slots=True)
class Loaded:
    """A bundle that passed the gate."""

    bundle: Bundle
    model: Model
    pipeline: Pipeline | None
    most_rows: int


def load(
    directory: Path, threading: Threading, max_pixels: int, released: Callable[[], None] = lambda: None
) -> Loaded:
    """Load a bundle, warm it up and run its golden examples; raises Refused.

    `released` is called, by any thread, once the memory of the model is free again.
    """
    if not directory.is_dir():
        raise Refused(f"there is no directory {directory.name}; publish the version again")
    bundle = read_bundle(directory)
    model = Model(directory / MODEL_FILE, threading, released)
    pipeline = build(bundle, model.signature)
    trouble = golden.warm_up(model)
    quick = not trouble and golden.is_quick(model)
    if quick and threading.threads > 1:
        model = Model(directory / MODEL_FILE, Threading(threads=1, spinning=False), released)
        golden.warm_up(model)
    if trouble and not bundle.examples:
        logger.warning("the warm-up on zeros fails: give examples", extra=fields(reason=trouble))
    golden.run_examples(bundle, model, pipeline, max_pixels)
    examples = golden.inputs_of(bundle, model.signature)
    most_rows = batches.most_rows(bundle.batching, model, examples, quick=quick)
    return Loaded(bundle, model, pipeline, most_rows)


@dataclass(frozen=True, slots=True, eq=False)
class Command:
    """What a client wants of a model: to be loaded, or to be let go."""

    name: str
    load: bool
    done: Future[None] = field(default_factory=Future)


@dataclass(slots=True)
class Loader:
    """Follows the links of a volume. `run` is the thread; `wake` tells it to look now."""

    volume: Path
    registry: Registry
    threading: Threading
    max_pixels: int
    before_scan: Callable[[], None] = lambda: None
    _seen: dict[str, Target | None] = field(default_factory=dict)
    # A SimpleQueue may be put to from a finalizer, at any point of any thread; an Event's lock may not.
    _wakes: SimpleQueue[str | Command] = field(default_factory=SimpleQueue)

    def wake(self, why: str = "look") -> None:
        """Make the thread look at the volume now."""
        self._wakes.put(why)

    def run(self, poll: float) -> None:
        """Look at the volume, then again at each wake and every `poll` seconds, until `stop`."""
        why: list[str | Command] = ["look"]
        while "stop" not in why:
            if "released" in why:
                memory.trim()
            for command in why:
                if isinstance(command, Command):
                    self._obey(command)
            self._scan_safely()
            why = self._wait(poll)

    def stop(self) -> None:
        """End `run` once it has finished what it does."""
        self.wake("stop")

    def control(self, name: str, *, load: bool) -> None:
        """Load what a model's link points at, or let go of what serves; returns once that is done.

        For any thread but the loader's. Raises NotFound, or BadRequest if the version is refused.
        """
        command = Command(name, load)
        self._wakes.put(command)
        command.done.result()

    def _released(self) -> None:
        self.wake("released")

    def _wait(self, poll: float) -> list[str | Command]:
        why: list[str | Command] = []
        try:
            why.append(self._wakes.get(timeout=poll))
            while True:
                why.append(self._wakes.get_nowait())
        except Empty:
            return why

    def _obey(self, command: Command) -> None:
        try:
            (self._load if command.load else self._unload)(command.name)
        except Exception as error:
            command.done.set_exception(error)
        else:
            command.done.set_result(None)

    def _load(self, name: str) -> None:
        if self.registry.expected and name not in self.registry.expected:
            raise NotFound(f"model {name!r}: this server was started for {', '.join(self.registry.expected)}")
        target = read_target(self.volume, name) if NAME.fullmatch(name) else None
        if target is None:
            raise NotFound(f"model {name!r}: the volume has no version of it; bring one there first")
        self.registry.put(name, unloaded=False)
        self._seen[name] = target
        self._turn_to(name, target)
        entry = self.registry.entry(name)
        if entry.served is None or entry.served.version != target.version:
            raise BadRequest(f"model {why_not(name, entry)}")

    def _unload(self, name: str) -> None:
        self.registry.entry(name)
        self.registry.put(name, served=None, refusal=None, unloaded=True)
        logger.info("unloaded on request", extra=fields(model=name))

    def _scan_safely(self) -> None:
        try:
            self.scan()
        except Exception:
            logger.exception("cannot read the volume; what serves goes on", extra=fields(volume=self.volume))

    def scan(self) -> None:
        """Bring every model to the version that its link points at."""
        self.before_scan()
        names = self.registry.expected or model_names(self.volume)
        for name in dict.fromkeys((*names, *self.registry.entries())):
            self._follow(name)
        self.registry.scanned = True

    def _follow(self, name: str) -> None:
        target = read_target(self.volume, name)
        if target is None and name not in self.registry.expected and not (self.volume / name).is_dir():
            self.registry.remove(name)
            self._seen.pop(name, None)
            logger.info("the model is gone from the volume", extra=fields(model=name))
        elif target != self._seen.get(name) and not self.registry.entries().get(name, Entry()).unloaded:
            self._seen[name] = target
            self._turn_to(name, target)

    def _turn_to(self, name: str, target: Target | None) -> None:
        if target is None:
            logger.warning("the link is gone; what serves goes on", extra=fields(model=name))
            return
        served = self.registry.entries().get(name, Entry()).served
        if served and served.version == target.version:
            logger.info("the link is back at what serves", extra=fields(model=name, version=target.version))
            return
        self.registry.put(name, loading=target.version)
        try:
            self._switch(name, target)
        except Refused as refused:
            self._refuse(name, target.version, str(refused))
        except Exception as error:
            logger.exception("loading failed", extra=fields(model=name, version=target.version))
            self._refuse(name, target.version, f"{type(error).__name__}: {error}")

    def _switch(self, name: str, target: Target) -> None:
        started = time.perf_counter()
        loaded = load(target.directory, self.threading, self.max_pixels, self._released)
        took = time.perf_counter() - started
        served = Served(
            name, target.version, digest(target.directory), datetime.now(UTC),
            loaded.bundle, loaded.model, loaded.pipeline, loaded.most_rows,
        )  # fmt: skip
        self.registry.put(name, served=served, refusal=None, loading=None)
        SWAPS.labels(name).inc()
        LOAD_SECONDS.labels(name).observe(took)
        told = fields(model=name, version=served.version, digest=served.digest, seconds=round(took, 3))
        logger.info("serving", extra=told)

    def _refuse(self, name: str, version: str, reason: str) -> None:
        self.registry.put(name, refusal=Refusal(version, reason), loading=None)
        REFUSED.labels(name).inc()
        logger.error("refused; what served goes on", extra=fields(model=name, version=version, reason=reason))
