"""Listening sockets, one for each worker, and how many files a process may open."""

import ctypes
import resource
import socket
import struct

from inference.errors import SettingsError

BACKLOG = 1024
# Open files beside connections: listening sockets, pipes, libraries, and a model with its weights.
SPARE_FILES = 128
# With fewer, a few slow clients and the probes take them all.
FEWEST_CONNECTIONS = 64
FEWEST_FILES = SPARE_FILES + FEWEST_CONNECTIONS
# Accepts TCP packets but those that open a connection: SYN without ACK. A `struct sock_filter` a line.
_SYN, _SYN_ACK, _FLAGS_AT = 0x02, 0x12, 13
_DROP_SYN = (
    (0x30, 0, 0, _FLAGS_AT),  # load the byte of the TCP header that has the flags
    (0x54, 0, 0, _SYN_ACK),  # keep SYN and ACK of it
    (0x15, 0, 1, _SYN),  # go on if that is SYN alone, else skip one
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # accept the whole packet
)
_SO_ATTACH_FILTER = 26


def raise_file_limit(connections: int) -> int:
    """Raise the soft limit of open files for `connections` at once, of all ports together.

    Returns how many the hard limit allows, at most `connections`. Raises SettingsError if it allows fewer
    than `FEWEST_CONNECTIONS`.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + SPARE_FILES
    unlimited = resource.RLIM_INFINITY
    allowed = wanted if hard == unlimited else min(wanted, hard)
    if allowed < min(wanted, FEWEST_FILES):
        raise SettingsError(
            [
                f"the hard limit of open files is {hard}, and this server needs {min(wanted, FEWEST_FILES)} "
                f"at least, {wanted} for all its connections: raise it (ulimit -Hn {wanted}, "
                f"docker run --ulimit nofile={wanted}, LimitNOFILE={wanted} of systemd)"
            ]
        )
    if soft != unlimited and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed - SPARE_FILES


def refuse_new_connections(listening: socket.socket) -> bool:
    """Let the system drop the first packet of new connections; return whether it can do that (Linux).

    Connections that the system has accepted stay in the socket's queue. To close the socket would reset them;
    now the queue can be emptied for good first. A client that connects meanwhile gets no answer yet: its
    system tries again a second later, and finds the port closed, or open again in another server.
    """
    program = b"".join(struct.pack("HBBI", *line) for line in _DROP_SYN)
    memory = ctypes.create_string_buffer(program)
    fprog = struct.pack("HP", len(_DROP_SYN), ctypes.addressof(memory))
    try:
        listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, fprog)
    except OSError:
        return False
    return True


def open_sockets(host: str, port: int, number: int) -> list[socket.socket]:
    """Listen on an address with one socket for each of so many processes. Raises OSError.

    The system spreads connections over the sockets. Of processes that wait on the same one, the quickest
    takes nearly all of the few long connections that a load balancer keeps.
    """
    first = open_socket(host, port)
    if number == 1:
        return [first]
    # Sockets that share an address would share it with another server's: the first shows that it is free.
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
