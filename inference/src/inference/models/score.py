"""The form of `/score`: pictures in, labels with percentages out. Pure."""

from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from inference.errors import BadRequest
from inference.models.images import from_base64
from inference.protocol.tensors import load_object


def pictures(body: bytes) -> list[bytes]:
    """Read `{"input": […]}`, the list as it is or as a string of JSON; raises BadRequest."""
    value = load_object(body).get("input")
    if isinstance(value, str):
        value = _unwrapped(value)
    if not isinstance(value, list) or not value:
        raise BadRequest('input: must be a list of base64 pictures, such as {"input": ["iVBORw0K…"]}')
    return [_picture(item, number) for number, item in enumerate(value, 1)]


def _unwrapped(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"input: the string is not a JSON list: {error}") from None


def _picture(item: object, number: int) -> bytes:
    if not isinstance(item, str):
        raise BadRequest(f"image {number}: must be a string of base64")
    try:
        return from_base64(item)
    except ValueError as error:
        raise BadRequest(f"image {number}: {error}") from None


def probabilities(scores: NDArray[Any], softmax: bool) -> NDArray[np.float64]:
    """Return the scores [N, …] as probabilities [N, C]."""
    rows = scores.reshape(len(scores), -1).astype(np.float64)
    if not softmax:
        return rows
    powers = np.exp(rows - rows.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def ranked(row: NDArray[np.float64], labels: tuple[str, ...], top_k: int) -> list[list[Any]]:
    """Return the best `[label, percent]` pairs of one picture; percent is 0 to 100 with two decimals."""
    best = np.argsort(-row, kind="stable")[:top_k]
    return [[labels[at] if labels else str(at), round(float(row[at]) * 100, 2)] for at in best]


def answer(ranks: list[list[list[Any]]], milliseconds: float) -> bytes:
    """Write the response's body."""
    return orjson.dumps({"result": [ranks, f"Computed in {milliseconds:.0f} ms"]})
