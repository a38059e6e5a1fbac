"""The form of `/score`: pictures in, labels with percentages out. Pure."""

from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from inference.errors import BadRequest
from inference.models.picturefiles import DEFAULT_LIMITS, PictureLimits, check_count, from_base64
from inference.protocol.jsontext import load, load_object
from inference.protocol.limits import DEFAULT, JsonLimits, Text

# FP16 has steps of a thousandth near 1, so the sum of a softmax may be that far from it.
ROUNDING = 1e-3


def pictures(body: Text, limits: PictureLimits = DEFAULT_LIMITS, json: JsonLimits = DEFAULT) -> list[bytes]:
    """Read `{"input": […]}`, the list as it is or as a string of JSON; raises BadRequest, TooLarge."""
    value = load_object(body, json).get("input")
    if isinstance(value, str):
        value = load(value.encode(), json, "input: the string")
    if not isinstance(value, list) or not value:
        raise BadRequest('input: must be a list of base64 pictures, such as {"input": ["iVBORw0K…"]}')
    check_count(len(value), limits)
    return [_picture(item, number) for number, item in enumerate(value, 1)]


def _picture(item: object, number: int) -> bytes:
    if not isinstance(item, str):
        raise BadRequest(f"image {number}: must be a string of base64")
    try:
        return from_base64(item)
    except ValueError as error:
        raise BadRequest(f"image {number}: {error}") from None


def probabilities(scores: NDArray[Any], softmax: bool) -> NDArray[np.float64]:
    """Return scores [N, C] as probabilities [N, C]; raises ValueError if they are none without a softmax."""
    rows = scores.astype(np.float64)
    if softmax:
        # A score that is infinite or no number makes its row NaN, which the answer shows as null.
        with np.errstate(invalid="ignore"):
            powers = np.exp(rows - rows.max(axis=1, keepdims=True))
            return np.asarray(powers / powers.sum(axis=1, keepdims=True))
    beyond = rows[(rows < -ROUNDING) | (rows > 1 + ROUNDING)]
    if beyond.size:
        raise ValueError(
            f"has the score {beyond[0]:g}, which is no probability; "
            'give "scores": {"softmax": true} in serving.json, or export the model with a softmax'
        )
    return rows.clip(0, 1)


def rows_of(scores: NDArray[Any], pictures: int) -> NDArray[Any]:
    """Return the scores [N, C] or [N, C, 1, …] of N pictures as [N, C]; raises ValueError for other shapes.

    Dimensions of 1 move no element, so row n stays what the model gives to picture n.
    """
    shape = scores.shape
    if len(shape) < 2 or shape[0] != pictures or any(length != 1 for length in shape[2:]):
        raise ValueError(f"has shape {list(shape)} for {pictures} pictures; it must be [pictures, classes]")
    return scores.reshape(shape[:2])


def ranked(row: NDArray[np.float64], labels: tuple[str, ...], top_k: int) -> list[list[Any]]:
    """Return the best `[label, percent]` pairs of one picture; percent is 0 to 100 with two decimals."""
    best = np.argsort(-row, kind="stable")[:top_k]
    return [[labels[at] if labels else str(at), round(float(row[at]) * 100, 2)] for at in best]


def answer(ranks: list[list[list[Any]]], milliseconds: float) -> bytes:
    """Write the response's body."""
    return orjson.dumps({"result": [ranks, f"Computed in {milliseconds:.0f} ms"]})
