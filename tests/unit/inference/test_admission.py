"""Which connections are accepted, and which make room."""

from inference.http.admission import EVICTED, Admission, key


class Connection:
    """An open connection that has waited since a moment."""

    def __init__(self, admission: Admission, host: str, since: float | None) -> None:
        self.addr, self.since, self.closed, self._admission = (host, 1), since, False, admission
        admission.opened(self.addr)

    def waits_since(self) -> float | None:
        """Return that moment."""
        return self.since

    def handle_close(self) -> None:
        """Close."""
        self.closed = True
        self._admission.closed(self.addr)


def test_the_longest_waiting_make_room_and_those_in_progress_do_not() -> None:
    counted: list[str] = []
    admission = Admission(EVICTED + 10, 1000, counted.append)
    busy = [Connection(admission, "10.0.0.1", None) for _ in range(5)]
    waiting = [Connection(admission, "10.0.0.1", 100.0 + number) for number in range(EVICTED + 5)]
    assert admission.has_room([*busy, *waiting])
    assert [one.closed for one in waiting] == [True] * EVICTED + [False] * 5
    assert not any(one.closed for one in busy)
    assert counted == ["connections"] * EVICTED


def test_there_is_room_up_to_the_limit_and_none_beyond_it_if_all_are_busy() -> None:
    admission = Admission(2, 1000, lambda _: None)
    busy = [Connection(admission, "10.0.0.1", None)]
    assert admission.has_room(busy)
    busy.append(Connection(admission, "10.0.0.1", None))
    assert not admission.has_room(busy)


def test_an_address_makes_room_for_itself_only() -> None:
    counted: list[str] = []
    admission = Admission(1000, 2, counted.append)
    mine = [Connection(admission, "10.0.0.1", 1.0) for _ in range(2)]
    other = Connection(admission, "10.0.0.2", 0.5)
    assert admission.admits(("10.0.0.1", 9), [*mine, other])
    assert [one.closed for one in mine] == [True, True]
    assert not other.closed
    assert counted == ["connections_per_address"] * 2


def test_an_address_whose_connections_are_all_busy_gets_no_more() -> None:
    admission = Admission(1000, 1, lambda _: None)
    busy = [Connection(admission, "10.0.0.1", None)]
    assert not admission.admits(("10.0.0.1", 9), busy)
    assert admission.admits(("10.0.0.2", 9), busy)


def test_an_ipv6_client_counts_by_its_network() -> None:
    assert key(("2001:db8::1", 1, 0, 0)) == key(("2001:db8::ffff", 2, 0, 0))
    assert key(("2001:db8::1", 1, 0, 0)) != key(("2001:db8:0:1::1", 1, 0, 0))
    assert key(("::ffff:10.0.0.1", 1, 0, 0)) == key(("10.0.0.1", 1))
    assert key(("fe80::1%eth0", 1, 0, 2)) == key(("fe80::2%eth0", 1, 0, 2))
