"""Several requests as one run of the model: which may share it, how they are joined, and taken apart. Pure.

A model is run on several requests at once only if it treats each row of its first dimension for itself. Its
signature does not tell, so that is tried when it is loaded.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from inference.errors import BadRequest, Refused
from inference.models.bundle import Batching
from inference.models.model import Model
from inference.protocol.datatypes import BYTES
from inference.protocol.signature import VARIABLE, Signature, TensorSpec
from inference.protocol.tensors import InferRequest
from inference.protocol.values import Array

# How many rows the I/O loop gives to one run of a model whose bundle does not say.
MAX_ROWS = 64
# Rows that are tried when a model is loaded.
TRIED = 3


def fixed(signature: Signature) -> str | None:
    """Name an input or output whose first dimension is not of any length; None if there is none."""
    for kind, specs in (("input", signature.inputs), ("output", signature.outputs)):
        for spec in specs:
            if spec.shape[:1] != (VARIABLE,):
                return f"{kind} {spec.name!r} has shape {list(spec.shape)}"
    return None if signature.inputs else "the model takes no input"


def rows(request: InferRequest) -> int:
    """Return the rows of a request to a model that can batch; -1 if it must run alone."""
    if request.alone:
        return -1
    lengths = {array.shape[0] for array in request.inputs.values()}
    return lengths.pop() if len(lengths) == 1 else -1


def key(request: InferRequest) -> object:
    """Return what requests must have in common to share a run."""
    shapes = [(name, array.dtype, array.shape[1:]) for name, array in request.inputs.items()]
    return tuple(shapes), tuple([output.name for output in request.outputs])


def plan(requests: Sequence[InferRequest], most: int) -> Iterator[list[int]]:
    """Yield the requests that share a run, by their place: at most `most` rows, unless one alone has more."""
    groups: dict[object, list[int]] = {}
    room: dict[object, int] = {}
    for place, request in enumerate(requests):
        size = rows(request)
        if not 0 < size < most:
            yield [place]
            continue
        alike = key(request)
        if room.get(alike, 0) < size:
            if alike in groups:
                yield groups[alike]
            groups[alike], room[alike] = [], most
        groups[alike].append(place)
        room[alike] -= size
    yield from groups.values()


def join(requests: Sequence[InferRequest]) -> dict[str, Array]:
    """Put the rows of all requests into one array for each input."""
    return {name: np.concatenate([one.inputs[name] for one in requests]) for name in requests[0].inputs}


def split(outputs: Mapping[str, Array], sizes: Sequence[int]) -> list[dict[str, Array]]:
    """Take the rows of each request out again; raises BadRequest if their number is not what went in."""
    for name, array in outputs.items():
        if array.shape[:1] != (sum(sizes),):
            raise BadRequest(f"output {name!r} has shape {list(array.shape)} for {sum(sizes)} rows")
    ends = np.cumsum(sizes).tolist()
    pairs = list(zip([0, *ends], ends, strict=False))
    return [{name: array[start:end] for name, array in outputs.items()} for start, end in pairs]


def most_rows(
    batching: Batching | None, model: Model, examples: Iterable[Mapping[str, Array]], *, quick: bool
) -> int:
    """Return how many rows of several requests may share a run; 1: none. Raises Refused if they should.

    Without `batching` it is for a quick model, whose requests the I/O loop serves together.
    """
    if batching is None:
        return MAX_ROWS if quick and why_not(model) is None else 1
    reason = why_not(model, examples)
    if reason:
        raise Refused(f"serving.json: batching: {reason}")
    return batching.max_batch_size


def why_not(model: Model, examples: Iterable[Mapping[str, Array]] = ()) -> str | None:
    """Say why a model may not run several requests at once; None if it may.

    It is tried on made-up rows, or, if it fails on those, on the inputs of examples.
    """
    wrong = fixed(model.signature)
    if wrong:
        return f"{wrong}: a batch needs a first dimension of any length in all of them"
    tried = "it fails on made-up inputs; give an example with tensors, by which that can be tried"
    for inputs in (_made_up(model.signature), *examples):
        try:
            return _differs(model, inputs)
        except BadRequest:
            continue
    return tried


def _made_up(signature: Signature) -> dict[str, Array]:
    return {spec.name: _numbers(spec) for spec in signature.inputs}


def _numbers(spec: TensorSpec) -> Array:
    shape = [TRIED, *(1 if length == VARIABLE else length for length in spec.shape[1:])]
    if spec.datatype is BYTES:
        return np.full(shape, "a", object)
    random = np.random.default_rng(1)
    # Whole numbers may be places in a table, which may be short.
    whole = spec.datatype.dtype.kind in "iub"
    values = random.integers(0, 2, shape) if whole else random.standard_normal(shape)
    return np.asarray(values.astype(spec.datatype.dtype))


def _differs(model: Model, inputs: Mapping[str, Array]) -> str | None:
    """Run rows together and each alone; say which output is not the same. Raises BadRequest."""
    parts = [{name: array[at : at + 1] for name, array in inputs.items()} for at in range(_length(inputs))]
    together = model.run({name: np.concatenate([array, array]) for name, array in inputs.items()})
    alone = [model.run(part) for part in parts] * 2
    for name, array in together.items():
        if array.shape[:1] != (len(alone),):
            return f"output {name!r} has shape {list(array.shape)} for {len(alone)} rows"
        joined = np.concatenate([outputs[name] for outputs in alone])
        if not _same(array, joined):
            return f"output {name!r} of a row depends on the other rows"
    return None


def _length(inputs: Mapping[str, Array]) -> int:
    lengths = {array.shape[0] for array in inputs.values()}
    if len(lengths) != 1:
        raise BadRequest(f"the inputs have {sorted(lengths)} rows")
    return int(lengths.pop())


def _same(a: Any, b: Any) -> bool:
    if a.shape != b.shape:
        return False
    if a.dtype.kind in "Ob":
        return bool((a == b).all())
    # Another size of a matrix may be added up in another order.
    close = np.isclose(a.astype(np.float64), b.astype(np.float64), rtol=1e-3, atol=1e-5, equal_nan=True)
    return bool(close.all())
