"""What a row has found: samples a round, what is missing and why, and whether the budgets are met."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

OURS = "model-sidecar"


@dataclass(frozen=True, slots=True)
class Budget:
    """A figure that the design promises: at least `bound`, or at most if not `at_least`."""

    what: str
    reached: float
    bound: float
    at_least: bool = True

    @property
    def met(self) -> bool:
        """Whether the promise is kept."""
        return self.reached >= self.bound if self.at_least else self.reached <= self.bound


@dataclass(frozen=True, slots=True)
class Result:
    """One table of the report. `samples` has for each target one value a round, all of them in `unit`."""

    key: str
    title: str
    unit: str
    samples: Mapping[str, tuple[float, ...]]
    more_is_better: bool = True
    missing: Mapping[str, str] = field(default_factory=dict)
    """Targets without samples, with the reason."""
    budgets: tuple[Budget, ...] = ()
    notes: tuple[str, ...] = ()
    curves: Mapping[str, list[Any]] = field(default_factory=dict)
    """What the plots show beside the samples."""


@dataclass(frozen=True, slots=True)
class Run:
    """All that one run has found, and where."""

    machine: Mapping[str, str]
    versions: Mapping[str, str]
    results: tuple[Result, ...]


def write(run: Run, path: Path) -> None:
    """Keep a run for the plots and for a later look."""
    path.write_text(json.dumps(asdict(run), indent=1, ensure_ascii=False) + "\n")
