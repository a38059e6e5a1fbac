"""`POST /score`: pictures in, labels out."""

import time

from inference.api import forms
from inference.errors import BadRequest
from inference.messages import Reply
from inference.models import score
from inference.models.picturefiles import PictureLimits
from inference.models.registry import Registry
from inference.observe import metrics


def score_pictures(
    registry: Registry,
    name: str | None,
    body: bytes,
    content_type: str | None,
    max_pixels: int,
    waited: int = 0,
) -> Reply:
    """Score the pictures of a request with a model, the default one if `name` is None.

    `waited` is how long the request did so, in nanoseconds.
    """
    started = time.perf_counter()
    served = registry.to_run(registry.default_name(name))
    with served.stats.request(served.version, waited) as timing:
        pipeline = served.pipeline
        if pipeline is None:
            raise BadRequest(
                f"model {served.name!r} is no image model: its serving.json has no image section; "
                f"use POST /v2/models/{served.name}/infer"
            )
        batch = pipeline.prepare(forms.pictures(body, content_type), PictureLimits(pixels=max_pixels))
        timing.batch_size, timing.executions = len(batch), pipeline.executions(batch)
        timing.lap("compute_input")
        rows = pipeline.run(served.model, batch)
        timing.lap("compute_infer")
        answer = score.answer(pipeline.rank(rows), (time.perf_counter() - started) * 1000)
        timing.lap("compute_output")
    metrics.ran(served.name, served.version, len(batch) // timing.executions, timing.executions)
    return Reply(answer, model=served.name, version=served.version, timing=timing)
