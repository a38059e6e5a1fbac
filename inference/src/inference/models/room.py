"""Whether a new model fits beside the old one, or must take its place."""

from dataclasses import dataclass
from pathlib import Path

from inference.machine.cgroup import Memory
from inference.models.model import MODEL_FILE

# What a process takes for a load besides the weights.
_BASE = 16 << 20
# Peak of anonymous memory by byte of weights, as docs/memory.md has it: those inside the model are parsed,
# then packed (2.0); those beside it are mapped, then packed (1.0); those of a copy are mapped packed, after a
# moment in which they are read as they were (1.0).
_INSIDE, _BESIDE, _OPTIMISED = 2.1, 1.1, 1.1
# Of an optimised copy's making, whose process maps what it wrote too (3.1 and 2.1).
_MAKING_INSIDE, _MAKING_BESIDE = 3.3, 2.3
# What is left for requests.
_RESERVE = 0.05


@dataclass(frozen=True, slots=True)
class Weights:
    """The bytes of a model: in its own file, and in files beside it."""

    inside: int
    beside: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.inside + self.beside


def weigh(directory: Path) -> Weights:
    """Look at the files of a bundle; those that are not there weigh nothing."""
    sizes = {path: path.stat().st_size for path in directory.rglob("*") if path.is_file()}
    inside = sizes.pop(directory / MODEL_FILE, 0)
    return Weights(inside, sum(sizes.values()))


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a check took at most, in bytes, and how many bytes of weights the version had."""

    peak: int
    weights: int


def need(weights: Weights, *, optimised: bool, last: Estimate | None) -> int:
    """Return the bytes that loading takes at most: as the last load of this model did, by its size."""
    if last and last.weights:
        return _BASE + round(1.1 * last.peak / last.weights * weights.total)
    if optimised:
        return _BASE + round(_OPTIMISED * weights.total)
    return _BASE + round(_INSIDE * weights.inside + _BESIDE * weights.beside)


def need_to_optimise(weights: Weights) -> int:
    """Return the bytes that making an optimised copy takes at most, in a process of its own."""
    return 4 * _BASE + round(_MAKING_INSIDE * weights.inside + _MAKING_BESIDE * weights.beside)


@dataclass(frozen=True, slots=True)
class Plan:
    """Whether there is room for both models, and the bytes that decide it; `limit` None is no limit.

    `waits`: there would be room if what others need now (`busy` bytes) were not in use.
    """

    fits: bool
    need: int
    limit: int | None = None
    free: int | None = None
    waits: bool = False


def plan(memory: Memory | None, need: int, busy: int = 0) -> Plan:
    """Decide whether `need` bytes more fit into memory, beside `busy` bytes that others are about to take."""
    if memory is None:
        return Plan(True, need)
    left = _left(memory)
    fits = need <= left - busy
    return Plan(fits, need, memory.limit, left, waits=not fits and need <= left)


def free(memory: Memory | None) -> int | None:
    """Return the bytes of memory that are left below the limit, less those for requests; None: no limit."""
    return None if memory is None else _left(memory)


def free_for_check(memory: Memory | None, machine: int | None) -> int | None:
    """Return the bytes that a check may take: what is left below the limit and, in all, in the machine.

    None if neither is known.
    """
    known = [size for size in (free(memory), machine) if size is not None]
    return max(0, min(known)) if known else None


def _left(memory: Memory) -> int:
    return memory.limit - memory.used - round(_RESERVE * memory.limit)


def never(memory: Memory | None, need: int) -> str | None:
    """Return why `need` bytes can never be had, however little else is loaded; None if they can."""
    if memory is None or need <= memory.limit:
        return None
    return (
        f"it needs {need:,} bytes of memory to load, and the limit of the server is {memory.limit:,} bytes; "
        "raise the limit, or publish a smaller model"
    )
