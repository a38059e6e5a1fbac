"""The I/O loop's wait, which asks only those connections what they want that something happened to.

waitress asks every open connection before each wait, which for a quick model costs more than the answer.
"""

import select
import time
from typing import Any

from waitress import wasyncore

# All are asked that often: what only time changes is seen then.
SWEEP_SECONDS = 1.0
# To sleep and be woken takes longer than a quick client's next request. Of several clients, the requests that
# come during the sleep share a run: there is nothing to gain.
LOOK_NS = 20_000
SOON_NS = 100_000
_READS = select.POLLIN | select.POLLPRI


class Poller:
    """Waits for a map of waitress's dispatchers, by their file descriptors."""

    def __init__(self, dispatchers: dict[int, Any]) -> None:
        """Know nothing of them yet."""
        self._map = dispatchers
        self._poll = select.poll()
        self._flags: dict[int, int] = {}
        self._touched: set[Any] = set()
        self._swept = 0.0
        self._found: list[tuple[int, int]] = []
        # Whether the same connection alone had something twice, and soon.
        self._lone = False

    def touch(self, dispatcher: Any) -> None:
        """Ask this one before the next wait; any thread may call it."""
        self._touched.add(dispatcher)

    def reads(self, dispatcher: Any) -> None:
        """Know without asking that this one wants to read, and nothing else."""
        if self._flags.get(dispatcher._fileno) == _READS:
            self._touched.discard(dispatcher)

    def sweep(self) -> None:
        """Ask all before the next wait."""
        self._swept = time.monotonic()
        self._touched.update(list(self._map.values()))

    def forget(self, number: int) -> None:
        """Wait no longer for a file that is about to be closed."""
        if self._flags.pop(number, None) is not None:
            self._poll.unregister(number)

    def turn(self, timeout: float) -> None:
        """Wait at most `timeout` seconds, and let all act that can."""
        if time.monotonic() - self._swept > SWEEP_SECONDS:
            self.sweep()
        while self._touched:
            self._ask(self._touched.pop())
        for number, flags in self._wait(timeout):
            dispatcher = self._map.get(number)
            if dispatcher is not None:
                self._touched.add(dispatcher)
                wasyncore.readwrite(dispatcher, flags)

    def _wait(self, timeout: float) -> list[tuple[int, int]]:
        """Return what happens, by file descriptor; for a lone client, look for a moment before the sleep."""
        poll, began = self._poll.poll, time.perf_counter_ns()
        found: list[tuple[int, int]] = []
        while self._lone and not found and time.perf_counter_ns() - began < LOOK_NS:
            found = poll(0)
        found = found or poll(timeout * 1000)
        self._lone = len(found) == 1 and found == self._found and time.perf_counter_ns() - began < SOON_NS
        self._found = found
        return found

    def _ask(self, dispatcher: Any) -> None:
        number: int = dispatcher._fileno
        if number not in self._map:
            return  # closed meanwhile
        flags = _READS if dispatcher.readable() else 0
        if dispatcher.writable() and not dispatcher.accepting:
            flags |= select.POLLOUT
        if flags == self._flags.get(number):
            return
        # Registered even if it wants nothing: a client that resets the connection is always noticed.
        self._flags[number] = flags
        self._poll.register(number, flags)
