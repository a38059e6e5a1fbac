"""The I/O loop's wait."""

import math
import socket
from collections.abc import Iterator

import pytest

from inference.http.poller import Poller


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


class Looks:
    """The system's poll, which notes how long each call may take, in milliseconds."""

    def __init__(self, poller: Poller) -> None:
        """Stand before that of a poller."""
        self._poll, poller._poll = poller._poll, self  # type: ignore[assignment]
        self.timeouts: list[float] = []

    def poll(self, timeout: float) -> list[tuple[int, int]]:
        """Wait."""
        self.timeouts.append(timeout)
        return self._poll.poll(timeout)

    def register(self, number: int, flags: int) -> None:
        """Wait for this one, too."""
        self._poll.register(number, flags)


def turns(poller: Poller, senders: list[End]) -> list[float]:
    """Let one end after the other send something; return how long the waits of the next turn may take."""
    poller.turn(0)
    looks = Looks(poller)
    for sender in senders:
        sender.connection.send(b"x")
        poller.turn(0)
    looks.timeouts.clear()
    poller.turn(0.001)
    return looks.timeouts


def test_looks_for_a_moment_before_it_sleeps_if_a_lone_client_was_quick(
    ends: tuple[End, End], monkeypatch: pytest.MonkeyPatch
) -> None:
    # However slow the machine is.
    monkeypatch.setattr("inference.http.poller.LOOK_NS", 20_000_000)
    monkeypatch.setattr("inference.http.poller.SOON_NS", math.inf)
    timeouts = turns(Poller({end._fileno: end for end in ends}), [ends[0]] * 2)
    assert timeouts[-1] == 1
    assert set(timeouts[:-1]) == {0}


def test_sleeps_at_once_after_a_first_request(ends: tuple[End, End]) -> None:
    assert turns(Poller({end._fileno: end for end in ends}), [ends[0]]) == [1]


def test_sleeps_at_once_while_several_have_requests(ends: tuple[End, End]) -> None:
    a, b = ends
    assert turns(Poller({end._fileno: end for end in ends}), [a, b, a]) == [1]
