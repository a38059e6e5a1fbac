"""Keeps the registry equal to the volume: a thread that switches to what the links point at."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue

from inference.errors import BadRequest, NotFound, Unavailable
from inference.logs import fields, logger
from inference.machine import memory
from inference.models.changes import Change, LoadContext
from inference.models.registry import Entry, Refusal, Registry, why_not
from inference.models.switch import Switch
from inference.models.verdict import Verdict
from inference.models.volume import Target, model_names, read_target
from inference.options import NAME


@dataclass(frozen=True, slots=True, eq=False)
class Command:
    """What a client wants of a model: to be loaded, or unloaded."""

    name: str
    load: bool
    done: Future[None] = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class Made:
    """The optimised copy of a version is there."""

    name: str
    target: Target


@dataclass(frozen=True, slots=True)
class Checked:
    """The check of a version has ended."""

    change: Change
    verdict: Verdict


Wake = str | Command | Made | Checked


@dataclass(slots=True)
class Loader:
    """Follows the links of a volume. `run` is the thread; `wake` makes it look now."""

    volume: Path
    registry: Registry
    context: LoadContext
    before_scan: Callable[[], None] = lambda: None
    _seen: dict[str, Target | None] = field(default_factory=dict)
    _wakes: SimpleQueue[Wake] = field(default_factory=SimpleQueue)
    # The models of the first look that are on their way still; None before it.
    _first: set[str] | None = None
    # Requests to load a model that is on its way to a version.
    _waiting: dict[Command, Target] = field(default_factory=dict)
    _switch: Switch = field(init=False)

    def __post_init__(self) -> None:
        """Make the switch, which wakes this thread for what it has to do later."""
        self._switch = Switch(
            self.registry,
            self.context,
            freed=lambda: self.wake("freed"),
            checked=lambda change, verdict: self._wakes.put(Checked(change, verdict)),
            made=lambda name, target: self._wakes.put(Made(name, target)),
            refused=self._refuse,
        )

    def wake(self, why: str = "look") -> None:
        """Make the thread look at the volume now."""
        self._wakes.put(why)

    def run(self, poll: float) -> None:
        """Look at the volume, then again at each wake and every `poll` seconds, until `stop`."""
        why: list[Wake] = ["look"]
        next_scan = time.monotonic()
        while "stop" not in why:
            if time.monotonic() >= next_scan or any(
                item == "look" or isinstance(item, Command) for item in why
            ):
                next_scan = time.monotonic() + poll
                self._scan_safely()
            # After the look: a later version comes first, and makes a verdict or a copy useless.
            self._take(why)
            again = self._advance_safely()
            self._note_ended()
            left = max(0.0, next_scan - time.monotonic())
            why = self._wait(left if again is None else min(again, left))
        self._give_up(why)

    def stop(self) -> None:
        """End `run` once it has finished what it does, and end all checks now."""
        self.context.checks.stop()
        if self.context.copies:
            self.context.copies.stop()
        self.wake("stop")

    def control(self, name: str, *, load: bool) -> None:
        """Load what a model's link points at, or unload the model; returns once that is done.

        For any thread but the loader's. Raises NotFound, BadRequest if the version is refused, Unavailable if
        the server stops.
        """
        command = Command(name, load)
        self._wakes.put(command)
        command.done.result()

    def _take(self, why: list[Wake]) -> None:
        """Do what woke the thread."""
        if "freed" in why:
            memory.trim()
        for item in why:
            if isinstance(item, Command):
                self._obey(item)
            elif isinstance(item, Checked):
                self._switch.judge(item.change, item.verdict)
            elif isinstance(item, Made):
                self._switch.use_copy(item.name, item.target)

    def _wait(self, seconds: float) -> list[Wake]:
        why: list[Wake] = []
        try:
            why.append(self._wakes.get(timeout=seconds))
            while True:
                why.append(self._wakes.get_nowait())
        except Empty:
            return why

    def _obey(self, command: Command) -> None:
        try:
            if command.load:
                self._waiting[command] = self._load(command.name)
            else:
                self._unload(command.name)
                command.done.set_result(None)
        except Exception as error:
            command.done.set_exception(error)

    def _load(self, name: str) -> Target:
        if self.registry.expected and name not in self.registry.expected:
            raise NotFound(f"model {name!r}: this server was started for {', '.join(self.registry.expected)}")
        target = read_target(self.volume, name) if NAME.fullmatch(name) else None
        if target is None:
            raise NotFound(f"model {name!r}: the volume has no version of it; bring one there first")
        self.registry.put(name, unloaded=False)
        if target != self._seen.get(name) or not self._switch.busy(name):
            self._seen[name] = target
            self._turn_to(name, target)
        return target

    def _unload(self, name: str) -> None:
        self.registry.entry(name)
        self._switch.forget(name)
        self.registry.put(name, served=None, refusal=None, loading=None, unloaded=True, replacing=False)
        logger.info("unloaded on request", extra=fields(model=name))

    def _note_ended(self) -> None:
        """Answer requests to load models that have arrived; be ready once all of the first look have."""
        for command, target in list(self._waiting.items()):
            if not self._switch.busy(command.name):
                del self._waiting[command]
                self._answer(command, target)
        if self._first is not None:
            self._first = {name for name in self._first if self._switch.busy(name)}
            if not self._first:
                self.registry.all_seen()

    def _answer(self, command: Command, target: Target) -> None:
        entry = self.registry.entries().get(command.name, Entry())
        if entry.served and entry.served.version == target.version:
            command.done.set_result(None)
        else:
            command.done.set_exception(BadRequest(f"model {why_not(command.name, entry)}"))

    def _give_up(self, why: list[Wake]) -> None:
        commands = [item for item in (*why, *self._wait(0)) if isinstance(item, Command)]
        for command in (*commands, *self._waiting):
            command.done.set_exception(Unavailable("the server stops"))

    def _advance_safely(self) -> float | None:
        try:
            return self._switch.advance()
        except Exception:
            logger.exception("a switch to another version failed")
            return None

    def _scan_safely(self) -> None:
        try:
            self.scan()
        except Exception:
            told = fields(volume=self.volume)
            logger.exception("cannot read the volume; active versions keep serving", extra=told)

    def scan(self) -> None:
        """Start to bring every model to the version that its link points at."""
        self.before_scan()
        names = self.registry.expected or model_names(self.volume)
        for name in dict.fromkeys((*names, *self.registry.entries())):
            self._follow(name)
        if self._first is None:
            self._first = set(self.registry.entries())

    def _follow(self, name: str) -> None:
        target = read_target(self.volume, name)
        if target is None and name not in self.registry.expected and not (self.volume / name).is_dir():
            self._switch.forget(name)
            self.registry.remove(name)
            self._seen.pop(name, None)
            if self.context.copies:
                self.context.copies.forget(name)
            logger.info("the model is gone from the volume", extra=fields(model=name))
        elif target != self._seen.get(name) and not self.registry.entries().get(name, Entry()).unloaded:
            self._seen[name] = target
            if target is None:
                logger.warning("the link is gone; the active version keeps serving", extra=fields(model=name))
            else:
                self._turn_to(name, target)

    def _turn_to(self, name: str, target: Target) -> None:
        if not NAME.fullmatch(target.version):
            self._switch.cancel(name)
            self._refuse(
                name, target, f"its directory is called {target.version!r}, which is no name of a version"
            )
            return
        served = self.registry.entries().get(name, Entry()).served
        if served and served.version == target.version:
            self._switch.cancel(name)
            self.registry.put(name, loading=None)
            logger.info(
                "the link is back at the active version", extra=fields(model=name, version=target.version)
            )
            return
        self.registry.put(name, loading=target.version)
        self._switch.begin(name, target)

    def _refuse(self, name: str, target: Target, reason: str) -> None:
        self.registry.put(name, refusal=Refusal(target.version, reason), loading=None)
        self.context.events.rejected(name)
        told = fields(model=name, version=target.version, reason=reason)
        logger.error("version rejected; the active version keeps serving", extra=told)
