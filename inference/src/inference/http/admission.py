"""Which connections are accepted: limits by number and by client address. Pure.

Where a limit is reached, the connections that have waited for a request for longest make room: slow or idle
connections never keep a client out, and a client reopens an idle connection that was closed.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from heapq import nsmallest
from ipaddress import IPv6Address, ip_address
from typing import Any, Protocol

# So many make room at once, because to find them takes a look at all.
EVICTED = 32


class Waiting(Protocol):
    """A connection as far as admission sees it."""

    addr: Any

    def waits_since(self) -> float | None:
        """Return since when it waits for a request to be complete; None if a request is in progress."""

    def handle_close(self) -> None:
        """Close it."""


class Admission:
    """Counts connections by client address, and makes room for new ones."""

    def __init__(self, most: int, most_by_address: int, limited: Callable[[str], None]) -> None:
        """Allow `most` connections, `most_by_address` from one address; `limited` counts what is closed."""
        self._most = most
        self._most_by_address = most_by_address
        self._limited = limited
        self._counts: Counter[str] = Counter()
        self._open = 0

    def has_room(self, connections: Iterable[Waiting]) -> bool:
        """Return whether another connection may be accepted, after making room if there was none."""
        return self._open < self._most or self.make_room(connections)

    def admits(self, address: Any, connections: Iterable[Waiting]) -> bool:
        """Return whether a connection from `address` is within its limit, after making room if it was not."""
        name = key(address)
        if self._counts[name] < self._most_by_address:
            return True
        same = [one for one in connections if key(one.addr) == name]
        return self._evict(same, "connections_per_address")

    def make_room(self, connections: Iterable[Waiting]) -> bool:
        """Close the connections that have waited for longest; return whether there were any."""
        return self._evict(connections, "connections")

    def _evict(self, connections: Iterable[Waiting], limit: str) -> bool:
        times = [
            (since, number, one) for number, one in enumerate(connections) if (since := one.waits_since())
        ]
        chosen = nsmallest(EVICTED, times)
        for *_, connection in chosen:
            connection.handle_close()
            self._limited(limit)
        if not chosen:
            self._limited(limit)
        return bool(chosen)

    def opened(self, address: Any) -> None:
        """Count a connection that is open."""
        self._counts[key(address)] += 1
        self._open += 1

    def closed(self, address: Any) -> None:
        """Count a connection that is closed."""
        name = key(address)
        self._open -= 1
        self._counts[name] -= 1
        if self._counts[name] <= 0:
            del self._counts[name]


def key(address: Any) -> str:
    """Return what connections are counted by: the IPv4 address, or the first 64 bits of an IPv6 one.

    A client of IPv6 commonly has a whole /64 of addresses (RFC 6177).
    """
    host = str(address[0]).partition("%")[0]
    try:
        parsed = ip_address(host)
    except ValueError:
        return host
    if not isinstance(parsed, IPv6Address):
        return host
    return str(parsed.ipv4_mapped or parsed.packed[:8].hex())
