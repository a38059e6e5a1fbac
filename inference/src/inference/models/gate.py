"""The way into service: a bundle is loaded, warmed up, and must reproduce its golden examples."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from inference.errors import Refused
from inference.logs import fields, logger
from inference.models import batches, golden, optimise
from inference.models.bundle import Bundle, read_bundle
from inference.models.execution import Execution
from inference.models.model import MODEL_FILE, Adjust, Model
from inference.models.pipeline import Pipeline, build
from inference.models.room import weigh

# Bytes of a bundle.
_SMALL = 4 << 20


@dataclass(frozen=True, slots=True)
class Loaded:
    """A bundle that passed the gate."""

    bundle: Bundle
    model: Model
    pipeline: Pipeline | None
    most_rows: int


def load(
    directory: Path,
    execution: Execution,
    max_pixels: int,
    released: Callable[[], None] = lambda: None,
    optimised: Path | None = None,
) -> Loaded:
    """Load a bundle, warm it up and run its golden examples; raises Refused.

    `optimised` is a copy of the model to load in its place. `released` is called, by any thread, once the
    memory of the model is free again.
    """
    if not directory.is_dir():
        raise Refused(f"there is no directory {directory.name}; publish the version again")
    bundle = read_bundle(directory)
    adjust = optimise.take_as_it_is if optimised else None
    model, trouble, quick = _warm(optimised or directory / MODEL_FILE, execution, adjust)
    model.released = released
    try:
        if optimised and execution.threads > 1 and not quick:
            model.share_cpus()
        pipeline = build(bundle, model.signature)
        if trouble and not bundle.examples:
            logger.warning("the warm-up on zeros fails: give examples", extra=fields(reason=trouble))
        golden.run_examples(bundle, model, pipeline, max_pixels)
        examples = golden.inputs_of(bundle, model.signature)
        most_rows = batches.most_rows(bundle.batching, model, examples, quick=quick)
    except BaseException:
        model.close()
        raise
    return Loaded(bundle, model, pipeline, most_rows)


def _warm(path: Path, execution: Execution, adjust: Adjust | None) -> tuple[Model, str | None, bool]:
    """Load a model and run it once; return why that fails, if it does, and whether it is quick.

    A quick model gets a single thread: several cost it more than they bring. Small ones mostly are quick, so
    that they are loaded with one first; what turns out otherwise is loaded again.
    """
    single = replace(execution, threads=1)
    small = weigh(path.parent).total < _SMALL
    model = Model(path, single if small else execution, adjust)
    trouble = golden.warm_up(model)
    quick = not trouble and golden.is_quick(model)
    if quick != small and execution.threads > 1:
        model.close()
        model = Model(path, single if quick else execution, adjust)
        golden.warm_up(model)
    return model, trouble, quick
