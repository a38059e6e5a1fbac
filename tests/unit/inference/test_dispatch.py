"""How long the I/O loop may sleep after a turn."""

from typing import cast

from inference.serving.call import Exchange
from inference.serving.dispatch import LONGEST_SLEEP, LoopDispatcher


class Connection:
    """A connection with requests that came in one piece, as waitress's look to the dispatcher."""

    connected = True

    def __init__(self, dispatcher: LoopDispatcher, requests: int, choked: bool = False) -> None:
        """Have the first one read."""
        self.dispatcher, self.requests, self._choked = dispatcher, requests, choked
        dispatcher.add_task(cast(Exchange, self))

    def choked(self) -> bool:
        """Say so."""
        return self._choked

    def service(self) -> None:
        """Serve one, and let the next one be served."""
        self.requests -= 1
        if self.requests:
            self.dispatcher.add_task(cast(Exchange, self))


def test_sleeps_when_nothing_is_left_to_do() -> None:
    dispatcher = LoopDispatcher()
    assert dispatcher.turn() == LONGEST_SLEEP
    connection = Connection(dispatcher, 1)
    assert dispatcher.turn() == LONGEST_SLEEP
    assert connection.requests == 0


def test_does_not_sleep_while_a_connection_has_another_request() -> None:
    dispatcher = LoopDispatcher()
    connection = Connection(dispatcher, 3)
    assert [dispatcher.turn() for _ in range(3)] == [0, 0, LONGEST_SLEEP]
    assert connection.requests == 0


def test_sleeps_while_a_client_reads_too_slowly() -> None:
    dispatcher = LoopDispatcher()
    connection = Connection(dispatcher, 1, choked=True)
    assert dispatcher.turn() == LONGEST_SLEEP
    assert connection.requests == 1
