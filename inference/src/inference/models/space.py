"""Makes room for a new version: beside the old one if memory allows, else in its place."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from inference.logs import fields, logger
from inference.machine import memory
from inference.models.changes import Active, Change, LoadContext
from inference.models.copies import LEAST_BYTES
from inference.models.registry import Registry
from inference.models.room import Plan, Weights, free_for_check, need_to_optimise, plan, weigh
from inference.models.verdict import Limits, Task
from inference.models.volume import Target

# How often a worker looks whether the others have made room, in seconds.
LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Space:
    """The memory of the server; `active` has the active version of each model."""

    registry: Registry
    context: LoadContext
    active: Mapping[str, Active]
    clock: Callable[[], float]

    def decide(self, change: Change, need: int, busy: int) -> Plan | None:
        """Return the plan by which a change may take `need` bytes now; None if it has to wait.

        `busy`: what the checks that run may take. What does not fit anywhere may go on once nothing else can
        make room; a change to a copy may go on with a plan that does not fit, and must not.
        """
        if self._leaves(change.name):
            return None
        decided = plan(self.context.memory(), need, busy)
        if decided.fits:
            return decided
        if decided.waits:
            return None
        active = self.active.get(change.name)
        if active and active.leaves_by is None and not change.same_version:
            self._vacate(change, active, decided)
            return self.decide(change, need, busy)
        return None if busy or self._others_leave(change.name) else decided

    def task(self, change: Change, weights: Weights) -> Task:
        """Return the task of a check, with what it may take."""
        context = self.context
        mapped = weights.total if change.copy else weights.beside
        limits = Limits(context.load_timeout, free_for_check(context.memory(), context.free()), mapped)
        return Task(change.target.directory, context.execution, context.max_pixels, limits, change.copy)

    def look_again(self, names: Mapping[str, object]) -> float | None:
        """Return in how many seconds to look again at the changes of these models; None: something wakes."""
        now = self.clock()
        deadlines = [self.active[name].leaves_by for name in names if name in self.active]
        waits = [max(0.0, deadline - now) for deadline in deadlines if deadline]
        if not waits:
            return None
        return min(LOOK_SECONDS if self.context.workers > 1 else min(waits), *waits)

    def make_copy(self, name: str, target: Target, made: Callable[[str, Target], None]) -> None:
        """Make an optimised copy of a large model in another thread, which calls `made`, if there is room."""
        copies, weights = self.context.copies, weigh(target.directory)
        if not copies or weights.total < LEAST_BYTES:
            return
        room = plan(self.context.memory(), need_to_optimise(weights))
        if room.fits:
            copies.start(name, target, lambda: made(name, target))
        else:
            told = fields(model=name, version=target.version, **asdict(room))
            logger.info("no optimised copy is made: memory has no room for that", extra=told)

    def _vacate(self, change: Change, active: Active, decided: Plan) -> None:
        logger.info(
            "no room for both: requests wait while the new version takes the old one's",
            extra=change.fields(decided),
        )
        active.leaves_by = self.clock() + self.registry.swap_wait
        self.registry.vacate(change.name)
        memory.trim()

    def _leaves(self, name: str) -> bool:
        """Return whether requests still hold the active version, which is to leave memory."""
        active = self.active.get(name)
        if active is None or not active.leaves_by or active.gone.is_set():
            return False
        if self.clock() < active.leaves_by:
            return True
        active.leaves_by = 0.0
        logger.warning(
            "a request still holds the old version; loading all the same", extra=fields(model=name)
        )
        memory.trim()
        return False

    def _others_leave(self, name: str) -> bool:
        """Return whether other workers may still be about to let the same version leave memory."""
        active = self.active.get(name)
        if self.context.workers == 1 or active is None or not active.leaves_by:
            return False
        return self.clock() < active.leaves_by
