"""How many connections each client address has. Pure."""

from collections import Counter
from ipaddress import IPv6Address, ip_address
from typing import Any


class Addresses:
    """Counts connections by address, up to a limit for each."""

    def __init__(self, limit: int) -> None:
        """Start with none; `limit` is the number of connections that one address may have."""
        self._limit = limit
        self._counts: Counter[str] = Counter()

    def admits(self, address: Any) -> bool:
        """Return whether another connection from a socket's address is within the limit."""
        return self._counts[key(address)] < self._limit

    def add(self, address: Any) -> None:
        """Count a connection that is open."""
        self._counts[key(address)] += 1

    def remove(self, address: Any) -> None:
        """Count a connection that is closed."""
        name = key(address)
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
