"""How much is measured, and where."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import click

from bench.setup import CACHE, Unavailable
from bench.targets import Peer


@dataclass(frozen=True, slots=True)
class Bench:
    """One run: rounds of each row, seconds of load in each round, and the peers beside us."""

    rounds: int
    seconds: float
    quick: bool
    peers: tuple[Peer, ...]

    def work(self, name: str) -> Path:
        """An empty directory for a row's files and logs; it stays until the row runs again."""
        place = CACHE / "work" / name
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        return place

    def say(self, line: str) -> None:
        """Tell how it goes."""
        click.echo(f"  {line}", err=True)

    def interleaved(self, targets: Mapping[str, Callable[[Path], float]], work: Path) -> "Turns":
        """Measure all targets once a round, so that a slow minute of the machine meets all of them.

        The first round starts with the first, the second with the second: nobody is always the warm one.
        A target that cannot be measured is left out from then on, with its reason.
        """
        turns = Turns()
        names = list(targets)
        for number in range(self.rounds):
            start = number % len(names)
            for name in names[start:] + names[:start]:
                if name not in turns.missing:
                    self._turn(turns, name, targets[name], work / f"{number + 1}-{name.replace(' ', '-')}")
        return turns

    def _turn(self, turns: "Turns", name: str, measure: Callable[[Path], float], work: Path) -> None:
        work.mkdir()
        try:
            value = measure(work)
        except Unavailable as reason:
            turns.missing[name] = str(reason)
            turns.samples.pop(name, None)
            self.say(f"{name}: not measured. {reason}")
        else:
            turns.samples.setdefault(name, []).append(value)
            self.say(f"{name}: {value:.4g}")


@dataclass(frozen=True, slots=True)
class Turns:
    """What came of taking turns: one value a round for each target, or why there is none."""

    samples: dict[str, list[float]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def frozen(self) -> dict[str, tuple[float, ...]]:
        """The samples as a Result takes them."""
        return {name: tuple(values) for name, values in self.samples.items()}
