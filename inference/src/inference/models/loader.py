"""Keeps the registry equal to the volume: a thread that switches to what its links point at."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue

from inference.errors import BadRequest, NotFound, Refused
from inference.logs import fields, logger
from inference.machine import memory
from inference.models.registry import Entry, Refusal, Registry, why_not
from inference.models.switch import Means, Switch
from inference.models.volume import Target, model_names, read_target
from inference.settings import NAME


@dataclass(frozen=True, slots=True, eq=False)
class Command:
    """What a client wants of a model: to be loaded, or to be let go."""

    name: str
    load: bool
    done: Future[None] = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class Made:
    """The optimised copy of a version is there."""

    name: str
    target: Target


Wake = str | Command | Made


@dataclass(slots=True)
class Loader:
    """Follows the links of a volume. `run` is the thread; `wake` tells it to look now."""

    volume: Path
    registry: Registry
    means: Means
    before_scan: Callable[[], None] = lambda: None
    _seen: dict[str, Target | None] = field(default_factory=dict)
    _wakes: SimpleQueue[Wake] = field(default_factory=SimpleQueue)
    _switch: Switch = field(init=False)

    def __post_init__(self) -> None:
        """Make the switch, which wakes this thread for what it has to do later."""
        self._switch = Switch(
            self.registry,
            self.means,
            released=lambda: self.wake("released"),
            made=lambda name, target: self._wakes.put(Made(name, target)),
        )

    def wake(self, why: str = "look") -> None:
        """Make the thread look at the volume now."""
        self._wakes.put(why)

    def run(self, poll: float) -> None:
        """Look at the volume, then again at each wake and every `poll` seconds, until `stop`."""
        why: list[Wake] = ["look"]
        while "stop" not in why:
            if "released" in why:
                memory.trim()
            for item in why:
                if isinstance(item, Command):
                    self._obey(item)
            self._scan_safely()
            # A later version comes first: it makes the copy of this one useless.
            for item in why:
                if isinstance(item, Made):
                    self._switch.use_copy(item.name, item.target)
            why = self._wait(poll)

    def stop(self) -> None:
        """End `run` once it has finished what it does."""
        if self.means.copies:
            self.means.copies.stop()
        self.wake("stop")

    def control(self, name: str, *, load: bool) -> None:
        """Load what a model's link points at, or let go of what serves; returns once that is done.

        For any thread but the loader's. Raises NotFound, or BadRequest if the version is refused.
        """
        command = Command(name, load)
        self._wakes.put(command)
        command.done.result()

    def _wait(self, poll: float) -> list[Wake]:
        why: list[Wake] = []
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
        self._switch.forget(name)
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
        self.registry.all_seen()

    def _follow(self, name: str) -> None:
        target = read_target(self.volume, name)
        if target is None and name not in self.registry.expected and not (self.volume / name).is_dir():
            self.registry.remove(name)
            self._seen.pop(name, None)
            self._switch.forget(name)
            if self.means.copies:
                self.means.copies.forget(name)
            logger.info("the model is gone from the volume", extra=fields(model=name))
        elif target != self._seen.get(name) and not self.registry.entries().get(name, Entry()).unloaded:
            self._seen[name] = target
            self._turn_to(name, target)

    def _turn_to(self, name: str, target: Target | None) -> None:
        if target is None:
            logger.warning("the link is gone; what serves goes on", extra=fields(model=name))
            return
        if self._serves(name) == target.version:
            logger.info("the link is back at what serves", extra=fields(model=name, version=target.version))
            return
        self.registry.put(name, loading=target.version)
        try:
            self._switch.to(name, target)
        except Refused as refused:
            self._refuse(name, target.version, str(refused))

    def _serves(self, name: str) -> str | None:
        """Return the version that serves. Nobody here keeps its model: it may have to leave memory."""
        served = self.registry.entries().get(name, Entry()).served
        return served.version if served else None

    def _refuse(self, name: str, version: str, reason: str) -> None:
        self.registry.put(name, refusal=Refusal(version, reason), loading=None)
        self.means.events.rejected(name)
        logger.error("refused; what served goes on", extra=fields(model=name, version=version, reason=reason))
