"""Several requests as one run of the model: which may share it, how they are joined, and taken apart.

A model is run on several requests at once only if its bundle asks for it, and each row of its first dimension
is shown to be computed for itself: by a walk over its graph, or by its author's promise.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from inference.errors import BadRequest, Refused
from inference.models import golden
from inference.models.bundle import DEFAULT_TOLERANCE, Batching
from inference.models.model import Model
from inference.protocol.signature import VARIABLE, Signature
from inference.protocol.tensors import InferRequest
from inference.protocol.values import Array

# How many rows of the examples the trial runs together, and each of them alone.
TRIED = 32


def fixed(signature: Signature) -> str | None:
    """Name an input or output whose first dimension is not of any length; None if there is none."""
    for kind, specs in (("input", signature.inputs), ("output", signature.outputs)):
        for spec in specs:
            if spec.shape[:1] != (VARIABLE,):
                return f"{kind} {spec.name!r} has shape {list(spec.shape)}"
    return None if signature.inputs else "the model takes no input"


def rows(request: InferRequest) -> int:
    """Return the rows of a request to a model that can batch; -1 if it must run alone.

    A tensor of rows without elements runs alone: the walk over the graph counts on it.
    """
    if request.alone:
        return -1
    lengths = {array.shape[0] for array in request.inputs.values()}
    if len(lengths) != 1:
        return -1
    (length,) = lengths
    return length if not length or all(array.size for array in request.inputs.values()) else -1


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
    batching: Batching | None,
    model: Model,
    file: Path,
    examples: Iterable[Mapping[str, Array]],
    tolerance: float = DEFAULT_TOLERANCE,
) -> int:
    """Return how many rows of several requests may share a run; 1: none, as without `batching`.

    `file` is the model as its author published it, `examples` are the inputs of the golden examples, and
    `tolerance`, absolute and relative, is what a row may differ by that is run with others. Raises
    Refused if the bundle asks for `batching` and rows may not stay apart.
    """
    if batching is None:
        return 1
    reason = fixed(model.signature)
    if reason:
        _refuse(f"{reason}: a batch needs a first dimension of any length in all of them")
    reason = None if batching.rows_are_independent else _unproved(file)
    if reason:
        _refuse(f"{reason}. {_CURE}")
    for inputs in trials(model.signature, examples, min(TRIED, batching.max_batch_size)):
        reason = differs(model, inputs, tolerance)
        if reason:
            _refuse(reason)
    return batching.max_batch_size


_CURE = (
    "Remove `batching`; or, if you know that no row depends on another one, "
    'add "rows_are_independent": true to it'
)


def _unproved(file: Path) -> str | None:
    # Imported when it is needed: that takes 20 ms, and most bundles do not ask for batching.
    from inference.models.graph.walk import why_mixed

    try:
        return why_mixed(file)
    except Refused as error:
        return str(error)


def _refuse(reason: str) -> None:
    raise Refused(f"serving.json: batching: {reason}")


def untried(batching: Batching | None, examples: Iterable[Mapping[str, Array]]) -> str | None:
    """Return a warning if nothing but the author's promise tells that rows stay apart; None if more does."""
    if batching is None or not batching.rows_are_independent or any(True for _ in examples):
        return None
    return (
        "serving.json: batching.rows_are_independent: no example has tensors, so nothing shows that requests "
        "which share a run get their own answers; add an example of several rows"
    )


def trials(
    signature: Signature, examples: Iterable[Mapping[str, Array]], most: int = TRIED
) -> Iterator[dict[str, Array]]:
    """Yield rows of the examples that requests could have in one run: joined where their shapes are equal.

    At most `most` rows in all; a row that has no other beside it comes twice.
    """
    names = {spec.name for spec in signature.inputs}
    groups: dict[object, list[InferRequest]] = {}
    for inputs in examples:
        # A request that gives an optional input runs alone, and so does one without rows.
        request = InferRequest(None, dict(inputs), ())
        if inputs.keys() == names and rows(request) > 0:
            groups.setdefault(key(request), []).append(request)
    left = most
    for group in groups.values():
        joined = join(group)
        count = min(left, len(next(iter(joined.values()))))
        left -= count
        if count == 1:
            yield {name: np.concatenate([array[:1], array[:1]]) for name, array in joined.items()}
        elif count:
            yield {name: array[:count] for name, array in joined.items()}


def differs(model: Model, inputs: Mapping[str, Array], tolerance: float) -> str | None:
    """Run rows together and each alone; return which output is not the same, None if all are."""
    count = len(next(iter(inputs.values())))
    try:
        together = model.run(inputs)
    except BadRequest as error:
        return f"a run of {count} rows of the examples fails: {error.message}"
    try:
        alone = [
            model.run({name: array[at : at + 1] for name, array in inputs.items()}) for at in range(count)
        ]
    except BadRequest as error:
        return f"a run of one row of the examples fails, and one of {count} rows does not: {error.message}"
    for name, array in together.items():
        if array.shape[:1] != (count,):
            return f"output {name!r} has shape {list(array.shape)} for {count} rows of the examples"
        parts = [outputs[name] for outputs in alone]
        if not all(_same(array[at : at + 1], part, tolerance) for at, part in enumerate(parts)):
            return (
                f"output {name!r} of a row of the examples is another one when other rows share its run "
                f"(tolerance {tolerance:g}); if only the rounding differs, raise the examples' tolerance"
            )
    return None


def _same(a: Array, b: Array, tolerance: float) -> bool:
    # With a tolerance: another size of a matrix may be added up in another order.
    return a.shape == b.shape and bool(golden.same(a, b, tolerance).all())
