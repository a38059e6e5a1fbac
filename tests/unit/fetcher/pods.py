"""A watcher whose clock and server are the test's."""

from pathlib import Path

from model_fetcher.confirm import Answer, Opinion
from model_fetcher.fetch import Keep
from model_fetcher.watch import Timing, Watcher
from unit.fetcher.stores import FaultyStore, delivery, put

SERVED, SILENT, OTHER = (Opinion(answer) for answer in (Answer.SERVED, Answer.SILENT, Answer.OTHER))
REFUSED = Opinion(Answer.REFUSED, "example 1: 7 is no 9")


class Pod:
    """A watcher with a clock that only the test moves, and a server that says what the test wants."""

    def __init__(
        self, root: Path, volume: Path, asks: bool = True, give_up_after: float = 0, keep: Keep | None = None
    ) -> None:
        self.now = 1000.0
        self.says: dict[str, Opinion] = {}
        self.asked: list[str] = []
        self.delivery = delivery(root, volume, keep)
        timing = Timing(10, give_up_after, 60, clock=lambda: self.now, spread=lambda a, b: (a + b) / 2)
        self.watcher = Watcher(self.delivery, timing, self._ask if asks else None)
        self.state = self.watcher.state

    def _ask(self, version: str) -> Opinion:
        self.asked.append(version)
        return self.says.get(version, SERVED)

    def tick(self, after: float = 10) -> float:
        """One poll, some seconds after the last."""
        self.now += after
        return self.watcher.tick()

    @property
    def store(self) -> FaultyStore:
        """The store, to be broken."""
        assert isinstance(self.delivery.source, FaultyStore)
        return self.delivery.source

    @property
    def current(self) -> str | None:
        """The version that the link on the volume names."""
        return self.delivery.place.current()


def versions(root: Path, *names: str) -> None:
    """Publish versions one after another, each of other content."""
    for name in names:
        put(root, name, {"model.onnx": name.encode()})
