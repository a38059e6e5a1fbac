"""The way into service: a bundle is loaded, warmed up, and must reproduce its golden examples."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from inference import batches, golden, optimise
from inference.bundle import Bundle, read_bundle
from inference.errors import Refused
from inference.execution import Execution
from inference.logs import fields, logger
from inference.model import MODEL_FILE, Model
from inference.pipeline import Pipeline, build


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
    path = optimised or directory / MODEL_FILE
    model = Model(path, execution, released, optimise.take_as_it_is if optimised else lambda _: None)
    pipeline = build(bundle, model.signature)
    trouble = golden.warm_up(model)
    if trouble and not bundle.examples:
        logger.warning("the warm-up on zeros fails: give examples", extra=fields(reason=trouble))
    golden.run_examples(bundle, model, pipeline, max_pixels)
    examples = golden.inputs_of(bundle, model.signature)
    return Loaded(bundle, model, pipeline, batches.most_rows(bundle.batching, model, examples))
