"""`POST /score`: pictures in, labels out."""

import time

from inference import score
from inference.errors import BadRequest
from inference.registry import Registry
from inference.replies import Reply
from inference.routes import require_json


def score_pictures(
    registry: Registry, name: str | None, body: bytes, content_type: str | None, max_pixels: int
) -> Reply:
    """Score the pictures of a request with a model, the default one if `name` is None."""
    require_json(content_type)
    started = time.perf_counter()
    served = registry.default(name)
    if served.pipeline is None:
        raise BadRequest(
            f"model {served.name!r} is no image model: its serving.json has no image section; "
            f"use POST /v2/models/{served.name}/infer"
        )
    ranks = served.pipeline.score(served.model, score.pictures(body), max_pixels)
    answer = score.answer(ranks, (time.perf_counter() - started) * 1000)
    return Reply(answer, model=served.name)
