"""The check of a version: it is loaded, warmed up, and must reproduce its golden examples.

This runs in a process of its own (`inference.models.check_server`), for the server as for `inference check`:
a model that never ends, takes all memory or makes onnxruntime crash does so there.
"""

import statistics
import time
from dataclasses import replace

from inference.errors import Refused
from inference.models import batches, golden, optimise
from inference.models.bundle import Bundle, TensorExample, parse_bundle, read_value
from inference.models.execution import Execution
from inference.models.model import MODEL_FILE, Model
from inference.models.pipeline import build
from inference.models.room import weigh
from inference.models.verdict import Report, Task, Verdict
from inference.protocol.signature import TensorSpec

# Bytes of a bundle whose model is most likely quick.
_SMALL = 4 << 20
# To time a run: so many, or so many seconds, whichever is less.
RUNS, RUN_SECONDS = 20, 1.0
# What onnxruntime's errors contain when it gets no memory.
_NO_MEMORY = ("bad_alloc", "Failed to allocate memory")


def check(task: Task) -> Verdict:
    """Check a version; raises Refused, and MemoryError if there is too little memory."""
    try:
        return _check(task)
    except Refused as refused:
        _raise_if_out_of_memory(str(refused))
        raise


def _check(task: Task) -> Verdict:
    started = time.perf_counter()
    if not task.directory.is_dir():
        raise Refused(f"there is no directory {task.directory.name}; publish the version again")
    value = read_value(task.directory)
    bundle = parse_bundle(value, task.directory)
    small = weigh(task.directory).total < _SMALL
    model = _load(task, quick=small)
    # One run, and one or a few more that are timed: a slow model is not run a third time.
    trouble = golden.warm_up(model)
    _raise_if_out_of_memory(trouble or "")
    quick = not trouble and golden.is_quick(model)
    pipeline = build(bundle, model.signature)
    doubt = golden.run_examples(bundle, model, pipeline, task.max_pixels)
    # The graph is read as its author published it: a copy has operators of onnxruntime's own.
    examples = list(golden.inputs_of(bundle, model.signature))
    file, tolerance = task.directory / MODEL_FILE, golden.tolerance_of(bundle)
    most_rows = batches.most_rows(bundle.batching, model, file, examples, tolerance)
    untried = batches.untried(bundle.batching, examples)
    report = None
    if task.report:
        seconds = time.perf_counter() - started
        model = model if quick == small else _load(task, quick=quick)
        warnings = _warnings(bundle, trouble, doubt, untried)
        report = _report(bundle, model, trouble, seconds, warnings)
    assert isinstance(value, dict), value
    serving = {key: item for key, item in value.items() if key != "examples"}
    count = len(bundle.examples)
    return Verdict(None, trouble, quick, most_rows, serving, count, report=report, untried=untried)


def threads(execution: Execution, *, quick: bool) -> Execution:
    """Return how a model runs: with a single thread if it is quick, because several cost it too much."""
    return replace(execution, threads=1) if quick else execution


def _load(task: Task, *, quick: bool) -> Model:
    execution = threads(task.execution, quick=quick)
    if task.copy:
        return Model(task.copy, execution, optimise.take_as_it_is)
    return Model(task.directory / MODEL_FILE, execution)


def _raise_if_out_of_memory(reason: str) -> None:
    if any(words in reason for words in _NO_MEMORY):
        raise MemoryError(reason)


def _report(bundle: Bundle, model: Model, trouble: str | None, seconds: float, warnings: list[str]) -> Report:
    return Report(
        inputs=[_row(spec) for spec in model.signature.inputs],
        outputs=[_row(spec) for spec in model.signature.outputs],
        load=seconds,
        run=_time_a_run(bundle, model, trouble),
        labels=len(bundle.labels),
        warnings=warnings,
    )


def _row(spec: TensorSpec) -> str:
    shape = ", ".join("any" if length == -1 else str(length) for length in spec.shape)
    return f"{spec.name}  {spec.datatype.name} [{shape}]"


def _time_a_run(bundle: Bundle, model: Model, trouble: str | None) -> float | None:
    """Return the median seconds of a run on the first example, else on zeros; None if that fails."""
    example = next((one for one in bundle.examples if isinstance(one, TensorExample)), None)
    if not example and trouble:
        return None
    inputs = golden.example_inputs(example, model.signature) if example else golden.zeros(model.signature)
    times: list[float] = []
    while len(times) < RUNS and sum(times) < RUN_SECONDS:
        started = time.perf_counter()
        model.run(inputs)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def _warnings(bundle: Bundle, trouble: str | None, doubt: str | None, untried: str | None) -> list[str]:
    warnings = []
    if not bundle.examples:
        warnings.append(
            "serving.json has no examples: a version that answers nonsense would be served; add some"
        )
        if trouble:
            warnings.append(f"a run on zeros fails, so the first request will be a slow one: {trouble}")
    if doubt:
        warnings.append(f"a run on black pictures: {doubt}")
    if untried:
        warnings.append(untried)
    if bundle.image and not bundle.labels:
        warnings.append("serving.json has no labels: /score answers with the numbers of the classes")
    return warnings
