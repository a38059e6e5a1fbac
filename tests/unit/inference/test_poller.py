"""The I/O loop's wait."""

import socket
from collections.abc import Iterator

import pytest

from inference.web.poller import Poller


class End:
    """One end of a connection, as waitress's dispatchers look to the loop."""

    accepting = False

    def __init__(self, connection: socket.socket) -> None:
        """Want to read."""
        self.connection = connection
        self._fileno = connection.fileno()
        self.asked = 0
        self.reads, self.writes = True, False
        self.read, self.written = b"", 0

    def readable(self) -> bool:
        """Say so, and count."""
        self.asked += 1
        return self.reads

    def writable(self) -> bool:
        """Say so."""
        return self.writes

    def handle_read_event(self) -> None:
        """Read."""
        self.read += self.connection.recv(10)

    def handle_write_event(self) -> None:
        """Count."""
        self.written += 1

    def handle_close(self) -> None:
        """Read no more."""
        self.reads = False


@pytest.fixture
def ends() -> Iterator[tuple[End, End]]:
    a, b = socket.socketpair()
    with a, b:
        yield End(a), End(b)


def test_asks_only_those_that_something_happened_to(ends: tuple[End, End]) -> None:
    a, b = ends
    poller = Poller({end._fileno: end for end in ends})
    poller.turn(0)
    assert (a.asked, b.asked) == (1, 1)
    a.connection.send(b"x")
    poller.turn(0)
    assert b.read == b"x"
    poller.turn(0)
    assert (a.asked, b.asked) == (1, 2)
    poller.touch(a)
    poller.turn(0)
    assert (a.asked, b.asked) == (2, 2)
    poller.sweep()
    poller.turn(0)
    assert (a.asked, b.asked) == (3, 3)


def test_waits_for_what_each_wants_now(ends: tuple[End, End]) -> None:
    a, b = ends
    poller = Poller({end._fileno: end for end in ends})
    a.writes = True
    b.reads = False
    a.connection.send(b"x")
    poller.turn(0)
    assert (a.written, b.read) == (1, b"")
    a.writes, b.reads = False, True
    poller.touch(b)
    poller.turn(0)
    assert (a.written, b.read) == (1, b"x")


def test_waits_no_longer_for_what_is_closed(ends: tuple[End, End]) -> None:
    a, b = ends
    dispatchers = {end._fileno: end for end in ends}
    poller = Poller(dispatchers)
    poller.turn(0)
    del dispatchers[b._fileno]
    poller.forget(b._fileno)
    a.connection.send(b"x")
    poller.touch(b)
    poller.turn(0)
    assert b.read == b""
