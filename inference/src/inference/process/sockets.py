"""The sockets that a server process listens on."""

import socket
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sockets:
    """The two listening sockets, and those of the other workers that clients connect to."""

    public: socket.socket
    admin: socket.socket
    siblings: tuple[socket.socket, ...] = ()
