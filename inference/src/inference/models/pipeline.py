"""A bundle with its model: what `/score` does with pictures, and what it needs to be able to."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.errors import ModelFault, Refused
from inference.models.bundle import Bundle, Example, ImageExample
from inference.models.images import Preprocessing, resolve, to_batch
from inference.models.model import Model, Run
from inference.models.picturefiles import PictureLimits
from inference.models.score import probabilities, ranked, rows_of
from inference.protocol.datatypes import BOOL, BYTES, FLOATING
from inference.protocol.results import classes
from inference.protocol.signature import VARIABLE, Signature, TensorSpec, names
from inference.protocol.values import Array


@dataclass(frozen=True, slots=True)
class Pipeline:
    """How pictures are scored: pre-processing, the output with the scores, labels."""

    how: Preprocessing
    output: str
    softmax: bool
    labels: tuple[str, ...]
    top_k: int

    def score(self, model: Model, pictures: list[bytes], limits: PictureLimits) -> list[list[list[Any]]]:
        """Return `[label, percent]` pairs for each picture; raises BadRequest, TooLarge, ModelFault."""
        return self.rank(self.run(model, self.prepare(pictures, limits)))

    def prepare(self, pictures: list[bytes], limits: PictureLimits) -> NDArray[Any]:
        """Make one input tensor of all pictures; raises BadRequest, TooLarge."""
        return to_batch(pictures, self.how, limits)

    def executions(self, batch: NDArray[Any]) -> int:
        """Return how often the model must run: once, if it takes a batch."""
        return 1 if self.how.batch else len(batch)

    def run(self, model: Model, batch: NDArray[Any], run: Run = Model.run) -> NDArray[np.float64]:
        """Return a row of probabilities for each picture; raises BadRequest, ModelFault, or as `run` does."""
        parts = np.split(batch, self.executions(batch))
        return np.concatenate([self._rows(model, part, run) for part in parts])

    def rank(self, rows: NDArray[np.float64]) -> list[list[list[Any]]]:
        """Return `[label, percent]` pairs for each row."""
        return [ranked(row, self.labels, self.top_k) for row in rows]

    def blank(self) -> dict[str, Array]:
        """Return the inputs of a run on black pictures: two, if the model takes several, else one.

        Two of them show whether the scores have a row for each picture; one would hide a batch size of 1
        that is part of the model.
        """
        how = self.how
        depth = 1 if how.mode == "L" else 3
        shape = (depth, how.height, how.width) if how.layout == "NCHW" else (how.height, how.width, depth)
        return {how.input: np.zeros((2 if how.batch else 1, *shape), how.dtype)}

    def probabilities_of(self, outputs: Mapping[str, Array], pictures: int) -> NDArray[np.float64]:
        """Return the rows [pictures, classes] of a run's scores; raises ModelFault if they are none."""
        return self.as_probabilities(self.scores_of(outputs, pictures))

    def scores_of(self, outputs: Mapping[str, Array], pictures: int) -> Array:
        """Return the scores of a run as [pictures, classes]; raises ModelFault for any other shape."""
        try:
            scores = rows_of(outputs[self.output], pictures)
        except ValueError as error:
            raise ModelFault(f"output {self.output!r} {error}") from None
        if self.labels and scores.shape[1] != len(self.labels):
            raise ModelFault(
                f"output {self.output!r} has {scores.shape[1]} classes for the {len(self.labels)} labels of "
                "serving.json"
            )
        return scores

    def as_probabilities(self, scores: Array) -> NDArray[np.float64]:
        """Return scores [pictures, classes] as probabilities; raises ModelFault if they are none."""
        try:
            return probabilities(scores, self.softmax)
        except ValueError as error:
            raise ModelFault(f"output {self.output!r} {error}") from None

    def _rows(self, model: Model, batch: NDArray[Any], run: Run) -> NDArray[np.float64]:
        return self.probabilities_of(run(model, {self.how.input: batch}, [self.output]), len(batch))


def build(bundle: Bundle, signature: Signature) -> Pipeline | None:
    """Fit a bundle to its model; None if it is no image model. Raises Refused where they differ."""
    if bundle.labels:
        _check_labels(bundle, signature)
    if bundle.image is None:
        return None
    output = _scores_output(bundle, signature)
    how = resolve(bundle.image, signature)
    _check_rows(output, batch=how.batch)
    return Pipeline(how, output.name, bundle.scores.softmax, bundle.labels, bundle.top_k)


def check_scores(
    bundle: Bundle, signature: Signature, pipeline: Pipeline | None, results: Mapping[str, Array]
) -> None:
    """Raise ModelFault or ValueError if a run's scores do not fit the labels, or are no probabilities."""
    output = signature.output(scores_output(bundle, signature) or "")
    if output is None or output.name not in results:
        return
    scores = results[output.name]
    if pipeline:
        pipeline.probabilities_of(results, len(scores) if scores.ndim else 0)
    elif bundle.labels:
        classes(scores, 1, bundle.labels, batched=signature.batched(output))


def scores_output(bundle: Bundle, signature: Signature) -> str | None:
    """Return the output that holds the class scores; None if serving.json does not tell which."""
    if bundle.scores.output is None and len(signature.outputs) == 1:
        return signature.outputs[0].name
    return bundle.scores.output


def class_count(output: TensorSpec, signature: Signature) -> int:
    """Return how many classes a row of an output has; -1 if that is known only once the model runs."""
    lengths = output.shape[1:] if signature.batched(output) else output.shape
    return VARIABLE if VARIABLE in lengths else math.prod(lengths)


def _check_labels(bundle: Bundle, signature: Signature) -> None:
    output = _scores_output(bundle, signature)
    classes = class_count(output, signature)
    if classes not in (VARIABLE, len(bundle.labels)):
        raise Refused(
            f"serving.json: labels: has {len(bundle.labels)}, output {output.name!r} has {classes} scores; "
            "give one label a score"
        )
    _check_example_labels(bundle.labels, bundle.examples)


def _check_example_labels(labels: tuple[str, ...], examples: tuple[Example, ...]) -> None:
    for example in examples:
        if isinstance(example, ImageExample) and example.label not in labels:
            wrong = f"label {example.label!r} is not among labels"
            raise Refused(f"serving.json: examples: {wrong}; correct one of them")


def _check_rows(output: TensorSpec, *, batch: bool) -> None:
    """Refuse scores that have no row for each picture: then `/score` would mix the pictures."""
    first, more = output.shape[:1], output.shape[2:]
    known = first == (VARIABLE,) if batch else first in ((1,), (VARIABLE,))
    if len(output.shape) < 2 or not known or not set(more) <= {1, VARIABLE}:
        wanted = "any" if batch else "1"
        raise Refused(
            f"serving.json: scores: output {output.name!r} has shape {list(output.shape)} (-1: any); "
            f"it must be [pictures, classes], and the first dimension {wanted}, as that of the input"
        )


def _scores_output(bundle: Bundle, signature: Signature) -> TensorSpec:
    name = scores_output(bundle, signature)
    if name is None:
        raise Refused(f"serving.json: scores.output: missing; say which of {names(signature.outputs)}")
    output = signature.output(name)
    if output is None:
        has = names(signature.outputs)
        raise Refused(f"serving.json: scores.output: the model has no output {name!r}; it gives {has}")
    if output.datatype in (BOOL, BYTES) or (bundle.image and not output.datatype.name.startswith(FLOATING)):
        raise Refused(f"serving.json: scores: output {output.name!r} is {output.datatype.name}, not scores")
    return output
