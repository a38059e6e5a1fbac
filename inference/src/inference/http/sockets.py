"""Listening sockets, one for each worker."""

import socket

BACKLOG = 1024


def open_sockets(host: str, port: int, number: int) -> list[socket.socket]:
    """Listen on an address with one socket for each of so many processes. Raises OSError.

    The system spreads connections over the sockets. Of processes that wait on the same one, the quickest
    takes nearly all of the few long connections that a load balancer keeps.
    """
    first = open_socket(host, port)
    if number == 1:
        return [first]
    # Sockets that share an address would share it with another server's: the first has told that it is free.
    port = first.getsockname()[1]
    first.close()
    return [open_socket(host, port, shared=True) for _ in range(number)]


def open_socket(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Listen on an address; `auto` is every one, IPv4 and IPv6. Raises OSError."""
    if host in ("auto", "::", "[::]") and socket.has_dualstack_ipv6():
        try:
            return socket.create_server(
                ("::", port),
                family=socket.AF_INET6,
                backlog=BACKLOG,
                dualstack_ipv6=True,
                reuse_port=shared,
            )
        except OSError:
            if host != "auto":
                raise
    address = ("0.0.0.0" if host == "auto" else host.strip("[]"), port)
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    return socket.create_server(address, family=family, backlog=BACKLOG, reuse_port=shared)
