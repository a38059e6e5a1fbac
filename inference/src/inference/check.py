"""`inference check`: what the gate says of a bundle, and what is worth to know before publishing it."""

import logging
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from inference import units
from inference.machine import cpu
from inference.models import golden
from inference.models.bundle import TensorExample
from inference.models.execution import Execution
from inference.models.gate import Loaded, load
from inference.models.model import MODEL_FILE
from inference.protocol.signature import TensorSpec
from inference.settings import OPTIONS

# A few runs or this long, whichever is less.
RUNS, RUN_SECONDS = 20, 1.0


@dataclass(frozen=True, slots=True)
class Report:
    """What to print of a bundle that passed."""

    lines: list[str]
    warnings: list[str]


def check_bundle(directory: Path) -> Report:
    """Load a bundle through the server's own gate; raises Refused."""
    # What the gate warns of belongs to the report, and nowhere else.
    logging.getLogger("inference").setLevel(logging.ERROR)
    budget = cpu.budget(cpu.allowed_cpus(), 1, None, None)
    started = time.perf_counter()
    loaded = load(directory, Execution(budget.threads), _max_pixels())
    seconds = time.perf_counter() - started
    return Report(_lines(directory, loaded, seconds), _warnings(loaded))


def _max_pixels() -> int:
    return next(units.pixels(option.default or "") for option in OPTIONS if option.key == "max_pixels")


def _lines(directory: Path, loaded: Loaded, seconds: float) -> list[str]:
    signature = loaded.model.signature
    run = _time_a_run(loaded)
    return [
        *(_row("input", spec) for spec in signature.inputs),
        *(_row("output", spec) for spec in signature.outputs),
        f"size      {_size(directory)}",
        f"load      {seconds:.2f} s, examples included",
        *([f"run       {run * 1000:.2f} ms, median of one at a time"] if run is not None else []),
        f"examples  {len(loaded.bundle.examples)} passed",
        f"labels    {len(loaded.bundle.labels)}",
    ]


def _row(kind: str, spec: TensorSpec) -> str:
    shape = ", ".join("any" if length == -1 else str(length) for length in spec.shape)
    return f"{kind:<9} {spec.name}  {spec.datatype.name} [{shape}]"


def _size(directory: Path) -> str:
    files = [path for path in directory.rglob("*") if path.is_file()]
    total = sum(path.stat().st_size for path in files)
    own = (directory / MODEL_FILE).stat().st_size
    return f"{total:,} bytes in {len(files)} files, {MODEL_FILE} {own:,}"


def _time_a_run(loaded: Loaded) -> float | None:
    """Return the median seconds of a run on the first example, else on zeros; None if those fail."""
    signature = loaded.model.signature
    tensors = (example for example in loaded.bundle.examples if isinstance(example, TensorExample))
    example = next(tensors, None)
    inputs = golden.example_inputs(example, signature) if example else golden.zeros(signature)
    if not example and golden.warm_up(loaded.model):
        return None
    times: list[float] = []
    while len(times) < RUNS and sum(times) < RUN_SECONDS:
        started = time.perf_counter()
        loaded.model.run(inputs)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def _warnings(loaded: Loaded) -> list[str]:
    warnings = []
    if not loaded.bundle.examples:
        warnings.append(
            "serving.json has no examples: a version that answers nonsense would be served; add some"
        )
        trouble = golden.warm_up(loaded.model)
        if trouble:
            warnings.append(f"a run on zeros fails, so the first request will be a slow one: {trouble}")
    if loaded.pipeline:
        wrong = golden.try_scores(loaded.model, loaded.pipeline)
        if wrong:
            warnings.append(f"a run on black pictures: {wrong}")
    if loaded.bundle.image and not loaded.bundle.labels:
        warnings.append("serving.json has no labels: /score answers with the numbers of the classes")
    return warnings
