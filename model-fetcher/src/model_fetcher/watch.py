"""Keeping the volume equal to the source: poll, bring, ask the server, fall back."""

import logging
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event

from model_fetcher.backoff import Spread, after_failure, after_success
from model_fetcher.confirm import Answer, Opinion
from model_fetcher.errors import BundleRefused, FetcherError, Stopped
from model_fetcher.fetch import Delivery
from model_fetcher.manifest import Manifest
from model_fetcher.resolve import Wanted

log = logging.getLogger(__name__)
_CONFIRM_POLL = 1.0


@dataclass(frozen=True, slots=True)
class Timing:
    """When to poll and when to lose patience; all in seconds."""

    interval: float = 60.0
    give_up_after: float = 0.0
    """Without a model on disk, end after failing for so long; 0: never."""
    confirm_timeout: float = 60.0
    clock: Callable[[], float] = time.time
    spread: Spread = random.uniform


@dataclass(slots=True)
class State:
    """What is known of one model; what `/status` and the metrics tell."""

    began: float
    wanted: Wanted | None = None
    current: str | None = None
    bytes: int = 0
    digest: str = ""
    current_since: float | None = None
    confirmed: str | None = None
    previous: str | None = None
    refused: dict[str, str] = field(default_factory=dict)
    last_check: float | None = None
    last_success: float | None = None
    last_error: str = ""
    failures: int = 0
    polls: Counter[str] = field(default_factory=Counter)
    moved: Counter[str] = field(default_factory=Counter)
    answering_since: float | None = None
    """Since when the server has answered without serving what is current."""

    @property
    def in_sync(self) -> bool:
        """What is on disk is what the source wants."""
        return self.wanted is not None and self.wanted.manifest.version == self.current


class Watcher:
    """Watches one model; a thread of its own runs `run`, so that one bad source does not hold up others."""

    def __init__(
        self, delivery: Delivery, timing: Timing, ask: Callable[[str], Opinion] | None = None
    ) -> None:
        self.delivery = delivery
        self.state = State(began=timing.clock())
        self.fatal: FetcherError | None = None
        self.wake = Event()
        self._timing = timing
        self._ask = ask
        self._next_poll = 0.0
        self._adopt()

    def run(self) -> None:
        """Poll until `stop`, or until the first version has been out of reach for too long."""
        while not self.delivery.stop.is_set() and self.fatal is None:
            if self.wake.wait(self.tick()):
                self._next_poll = 0.0
            self.wake.clear()

    def _adopt(self) -> None:
        """Take what an earlier run left: a pod that restarts serves it while the store is away."""
        place = self.delivery.place
        name = place.current()
        with suppress(FetcherError):
            manifest = place.installed(name) if name else None
            if manifest is not None:
                self._is_current(manifest)

    def tick(self) -> float:
        """One poll; returns the seconds to wait before the next. Raises nothing."""
        state, timing = self.state, self._timing
        state.last_check = timing.clock()
        try:
            result = self._sync()
        except Stopped:
            return 0.0
        except Exception as error:
            self._failed(error)
            return after_failure(state.failures, error, timing.interval, timing.spread)
        state.polls[result] += 1
        state.failures, state.last_error, state.last_success = 0, "", state.last_check
        due = self._next_poll or timing.clock() + after_success(timing.interval, timing.spread)
        left = max(0.0, due - timing.clock())
        # The server is asked more often than the store, which does not put off the store's turn.
        self._next_poll = due if self._unconfirmed else 0.0
        return min(left, _CONFIRM_POLL) if self._unconfirmed else left

    def _sync(self) -> str:
        if self._timing.clock() >= self._next_poll:
            self._next_poll = 0.0
            found = self.delivery.wanted(self.state.wanted)
            if found is not None:
                # The channel moved: whatever was refused before gets its chance again.
                self.state.wanted, self.state.refused = found, {}
        target = self._target()
        changed = target is not None and self._bring(target)
        self._confirm()
        self._tidy()
        return "success" if changed else "noop"

    def _target(self) -> Wanted | None:
        """What should be on the volume: what is wanted, unless the server refused it."""
        wanted = self.state.wanted
        assert wanted is not None
        if wanted.manifest.version not in self.state.refused:
            return wanted
        # A restarted fetcher does not know what was confirmed, but has it on disk.
        for before in (self.state.confirmed, self.state.previous, wanted.previous):
            if before == self.state.current:
                return None
            if before is not None and before not in self.state.refused:
                return self.delivery.version(before)
        return None

    def _bring(self, target: Wanted) -> bool:
        state, name = self.state, target.manifest.version
        same = target.plain or target.manifest.digest == state.digest
        if same and state.current == name == self.delivery.place.current():
            return False
        self._tidy()  # makes room
        self._is_current(self.delivery.bring(target))
        return True

    def _tidy(self) -> None:
        """Remove what is too old by now, and nothing that is wanted or may be gone back to."""
        state = self.state
        before = state.confirmed or (state.previous if self._unconfirmed else None)
        wanted = state.wanted.manifest.version if state.wanted else None
        # Tidying up must not make a delivery fail; the next poll tries again.
        with suppress(FetcherError):
            self.delivery.collect({name for name in (state.current, before, wanted) if name})

    def _is_current(self, manifest: Manifest) -> None:
        state, name = self.state, manifest.version
        if state.current != name:
            state.previous, state.current = state.current, name
            state.current_since, state.answering_since = self._timing.clock(), None
        state.bytes, state.digest = manifest.bytes, manifest.digest

    @property
    def _unconfirmed(self) -> bool:
        state = self.state
        return self._ask is not None and state.current not in (None, state.confirmed, *state.refused)

    def _confirm(self) -> None:
        state = self.state
        if not self._unconfirmed or self._ask is None or state.current is None:
            return
        opinion = self._ask(state.current)
        if opinion.answer is Answer.SERVED:
            state.confirmed, state.answering_since = state.current, None
            log.info("the server confirms", extra={"model": self.delivery.model, "version": state.current})
        elif opinion.answer is Answer.REFUSED:
            self._refuse(state.current, opinion.reason)
        elif opinion.answer is Answer.SILENT:
            # A server that is down says nothing about a model: patience begins when it answers.
            state.answering_since = None
        else:
            state.answering_since = state.answering_since or self._timing.clock()
            if self._timing.clock() - state.answering_since > self._timing.confirm_timeout:
                self._refuse(state.current, f"not served within {self._timing.confirm_timeout:g} s")

    def _refuse(self, version: str, reason: str) -> None:
        """Quarantine a version until the channel moves, and go back to what served before."""
        self.state.refused = {**self.state.refused, version: reason}
        about = {"model": self.delivery.model, "version": version, "reason": reason}
        log.error("the server refuses the version", extra=about)
        target = self._target()
        if target is not None:
            self._bring(target)
        raise BundleRefused(
            f"version {version!r} was refused by the server ({reason}): "
            f"{self.state.current!r} stays until the channel moves; publish a version that works"
        )

    def _failed(self, error: Exception) -> None:
        state = self.state
        state.failures += 1
        state.polls["error"] += 1
        state.last_error = str(error) or repr(error)
        expected = isinstance(error, FetcherError)
        about = {"model": self.delivery.model, "failures": state.failures}
        log.error(state.last_error, extra=about, exc_info=None if expected else error)
        patience = self._timing.give_up_after
        tried = self._timing.clock() - (state.last_success or state.began)
        if patience and tried >= patience and self.delivery.place.current() is None:
            self.fatal = error if isinstance(error, FetcherError) else FetcherError(state.last_error)
