"""The gate: a version that does not reproduce its golden examples never takes traffic."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.errors import ApiError, BadRequest, ModelFault, Refused
from inference.models.bundle import DEFAULT_TOLERANCE, Bundle, Example, ImageExample, TensorExample
from inference.models.model import Model
from inference.models.pace import QUICK_NS
from inference.models.picturefiles import PictureLimits
from inference.models.pipeline import Pipeline, check_scores
from inference.protocol.datatypes import BYTES, Datatype
from inference.protocol.signature import VARIABLE, Signature, TensorSpec, names
from inference.protocol.values import Array, parse

# A run that is timed again and again may be short at last: others may have had the CPU before.
QUICK_RUNS = 5
SURELY_SLOW_NS = 20 * QUICK_NS


def warm_up(model: Model) -> str | None:
    """Run the model once on zeros, every variable dimension taken as 1; return why that fails, if it does.

    A failure is no refusal: a model may well need more than one of something.
    """
    try:
        model.run(zeros(model.signature))
    except BadRequest as error:
        return error.message
    return None


def is_quick(model: Model) -> bool:
    """Return whether a run on zeros is so short that threads within it cost more than they gain.

    The first short run decides, and so does the first that is surely long: its thread had the CPU, too.
    """
    inputs = zeros(model.signature)
    for _ in range(QUICK_RUNS):
        started, cpu = time.perf_counter_ns(), time.thread_time_ns()
        model.run(inputs)
        took, cpu = time.perf_counter_ns() - started, time.thread_time_ns() - cpu
        if took < QUICK_NS:
            return True
        if took > SURELY_SLOW_NS and cpu > QUICK_NS:
            return False
    return False


def zeros(signature: Signature) -> dict[str, Array]:
    """Make inputs of zeros and empty strings, every variable dimension taken as 1."""
    return {spec.name: _zeros(spec) for spec in signature.inputs}


def _zeros(spec: TensorSpec) -> Array:
    shape = [1 if length == VARIABLE else length for length in spec.shape]
    return np.full(shape, "", object) if spec.datatype is BYTES else np.zeros(shape, spec.datatype.dtype)


def run_examples(bundle: Bundle, model: Model, pipeline: Pipeline | None, max_pixels: int) -> str | None:
    """Run all golden examples; raises Refused with the first that differs, numbered from 1.

    Of an image model, black pictures show before whether the scores have a row for each picture. Returns why
    those scores are no probabilities, if they are none.
    """
    doubt = try_scores(model, pipeline) if pipeline else None
    for number, example in enumerate(bundle.examples, 1):
        try:
            _run(example, bundle, model, pipeline, max_pixels)
        except ApiError as error:
            raise Refused(f"example {number}: {error.message}") from None
        except (Refused, ValueError) as error:
            raise Refused(f"example {number}: {error}") from None
    return doubt


def try_scores(model: Model, pipeline: Pipeline) -> str | None:
    """Run an image model on black pictures; return why its scores are no probabilities, if they are none.

    Raises Refused if the scores have other rows than the pictures, or other classes than the labels. A model
    that fails on black pictures is not refused: a client is told why it fails.
    """
    inputs = pipeline.blank()
    try:
        outputs = model.run(inputs, [pipeline.output])
    except BadRequest:
        return None
    try:
        scores = pipeline.scores_of(outputs, len(inputs[pipeline.how.input]))
    except ModelFault as error:
        raise Refused(f"a run on black pictures: {error.message}") from None
    try:
        pipeline.as_probabilities(scores)
    except ModelFault as error:
        return error.message
    return None


def _run(example: Example, bundle: Bundle, model: Model, pipeline: Pipeline | None, max_pixels: int) -> None:
    if isinstance(example, TensorExample):
        _run_tensors(example, bundle, model, pipeline)
    elif pipeline is None:
        raise Refused("is a picture, and serving.json has no image section to read it by")
    else:
        _run_picture(example, model, pipeline, max_pixels)


def _run_picture(example: ImageExample, model: Model, pipeline: Pipeline, max_pixels: int) -> None:
    try:
        data = example.image.read_bytes()
    except OSError as error:
        raise Refused(f"{example.image.name}: cannot be read: {error.strerror}") from None
    ((best, *_),) = pipeline.score(model, [data], PictureLimits(pixels=max_pixels))
    label, percent = best
    if label != example.label:
        raise Refused(f"{example.image.name} is given {label!r} ({percent} %), expected {example.label!r}")


def _run_tensors(example: TensorExample, bundle: Bundle, model: Model, pipeline: Pipeline | None) -> None:
    expected = _expected(example, model.signature)
    results = model.run(example_inputs(example, model.signature), list(expected))
    for name, wanted in expected.items():
        compare(name, results[name], wanted, example.tolerance)
    check_scores(bundle, model.signature, pipeline, results)


def example_inputs(example: TensorExample, signature: Signature) -> dict[str, Array]:
    """Make an example's input arrays; raises Refused if they do not fit the model."""
    given = set(example.inputs)
    required, optional = ({spec.name for spec in specs} for specs in (signature.inputs, signature.optional))
    if not required <= given <= required | optional:
        raise Refused(f"gives inputs {', '.join(example.inputs)}; the model takes {signature.takes()}")
    specs = (*signature.inputs, *signature.optional)
    return {spec.name: _input(spec, example.inputs[spec.name]) for spec in specs if spec.name in given}


def _input(spec: TensorSpec, data: Any) -> Array:
    array = _parsed(f"input {spec.name!r}", data, spec.datatype)
    if not spec.fits(array.shape):
        raise Refused(
            f"input {spec.name!r}: shape is {list(array.shape)}, the model takes {list(spec.shape)}"
        )
    return array


def inputs_of(bundle: Bundle, signature: Signature) -> Iterator[dict[str, Array]]:
    """Yield the inputs of all examples that are tensors; raises Refused if they do not fit the model."""
    for example in bundle.examples:
        if isinstance(example, TensorExample):
            yield example_inputs(example, signature)


def tolerance_of(bundle: Bundle) -> float:
    """Return the largest tolerance of the bundle's examples; the default one if none has a larger."""
    tensors = [example for example in bundle.examples if isinstance(example, TensorExample)]
    return max([DEFAULT_TOLERANCE, *(example.tolerance for example in tensors)])


def _expected(example: TensorExample, signature: Signature) -> dict[str, Array]:
    expected = {}
    for name, data in example.outputs.items():
        spec = signature.output(name)
        if spec is None:
            raise Refused(
                f"output {name!r}: the model has no such output; it gives {names(signature.outputs)}"
            )
        expected[name] = _parsed(f"output {name!r}", data, spec.datatype)
    return expected


def _parsed(what: str, data: Any, datatype: Datatype) -> Array:
    try:
        return parse(data, datatype)
    except ValueError as error:
        raise Refused(f"{what}: {error}") from None


def compare(name: str, given: Array, wanted: Array, tolerance: float) -> None:
    """Raise Refused if an output is not the wanted one, by a tolerance both absolute and relative."""
    if given.shape != wanted.shape:
        raise Refused(f"output {name!r}: shape is {list(given.shape)}, expected {list(wanted.shape)}")
    alike = same(given, wanted, tolerance)
    if alike.all():
        return
    at = tuple(int(index) for index in np.argwhere(~alike)[0])
    place = ",".join(map(str, at))
    raise Refused(
        f"output {name!r}[{place}] is {given[at]}, expected {wanted[at]} (tolerance {tolerance:g}); "
        f"{int((~alike).sum())} of {alike.size} values differ"
    )


def same(given: Array, wanted: Array, tolerance: float) -> NDArray[np.bool_]:
    """Return which elements of arrays of one shape are equal, by a tolerance both absolute and relative."""
    if wanted.dtype.kind in "Ob":
        return np.asarray(given == wanted, np.bool_)
    a, b = given.astype(np.float64), wanted.astype(np.float64)
    return np.isclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)
