"""A bundle with its model: what `/score` does with pictures, and what it needs to be able to."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.errors import BadRequest, Refused
from inference.models.bundle import Bundle, Example, ImageExample
from inference.models.images import Preprocessing, resolve, to_batch
from inference.models.model import Model
from inference.models.score import probabilities, ranked
from inference.protocol.signature import VARIABLE, Signature, TensorSpec, names


@dataclass(frozen=True, slots=True)
class Pipeline:
    """How pictures are scored: pre-processing, the output with the scores, labels."""

    how: Preprocessing
    output: str
    softmax: bool
    labels: tuple[str, ...]
    top_k: int

    def score(self, model: Model, pictures: list[bytes], max_pixels: int) -> list[list[list[Any]]]:
        """Return `[label, percent]` pairs for each picture; raises BadRequest."""
        return self.rank(self.run(model, self.prepare(pictures, max_pixels)))

    def prepare(self, pictures: list[bytes], max_pixels: int) -> NDArray[Any]:
        """Make one input tensor of all pictures; raises BadRequest."""
        return to_batch(pictures, self.how, max_pixels)

    def executions(self, batch: NDArray[Any]) -> int:
        """Return how often the model must run: once, if it takes a batch."""
        return 1 if self.how.batch else len(batch)

    def run(self, model: Model, batch: NDArray[Any]) -> NDArray[np.float64]:
        """Return a row of probabilities for each picture; raises BadRequest."""
        parts = np.split(batch, self.executions(batch))
        return np.concatenate([self._rows(model, part) for part in parts])

    def rank(self, rows: NDArray[np.float64]) -> list[list[list[Any]]]:
        """Return `[label, percent]` pairs for each row; raises BadRequest."""
        if self.labels and rows.shape[1] != len(self.labels):
            raise BadRequest(f"the model gives {rows.shape[1]} scores for its {len(self.labels)} labels")
        return [ranked(row, self.labels, self.top_k) for row in rows]

    def _rows(self, model: Model, batch: NDArray[Any]) -> NDArray[np.float64]:
        scores = model.run({self.how.input: batch}, [self.output])[self.output]
        if scores.size % len(batch):
            raise BadRequest(
                f"output {self.output!r} has shape {list(scores.shape)} for {len(batch)} pictures"
            )
        return probabilities(scores.reshape(len(batch), -1), self.softmax)


def build(bundle: Bundle, signature: Signature) -> Pipeline | None:
    """Fit a bundle to its model; None if it is no image model. Raises Refused where they differ."""
    if bundle.image is None:
        return None
    output = _scores_output(bundle, signature)
    classes = output.shape[-1] if output.shape else VARIABLE
    if bundle.labels and classes not in (VARIABLE, 1, len(bundle.labels)):
        raise Refused(
            f"serving.json: labels: has {len(bundle.labels)}, output {output.name!r} has {classes} scores"
        )
    _check_labels(bundle.labels, bundle.examples)
    how = resolve(bundle.image, signature)
    return Pipeline(how, output.name, bundle.scores.softmax, bundle.labels, bundle.top_k)


def _check_labels(labels: tuple[str, ...], examples: tuple[Example, ...]) -> None:
    for example in examples:
        if labels and isinstance(example, ImageExample) and example.label not in labels:
            wrong = f"label {example.label!r} is not among labels"
            raise Refused(f"serving.json: examples: {wrong}; correct one of them")


def _scores_output(bundle: Bundle, signature: Signature) -> TensorSpec:
    name = bundle.scores.output
    if name is None and len(signature.outputs) == 1:
        output = signature.outputs[0]
    elif name is None:
        raise Refused(f"serving.json: scores.output: missing; say which of {names(signature.outputs)}")
    else:
        found = signature.output(name)
        if found is None:
            has = names(signature.outputs)
            raise Refused(f"serving.json: scores.output: the model has no output {name!r}; it gives {has}")
        output = found
    if not output.datatype.name.startswith("FP"):
        raise Refused(f"serving.json: scores: output {output.name!r} is {output.datatype.name}, not scores")
    return output
