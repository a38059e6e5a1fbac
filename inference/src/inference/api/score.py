"""`POST /score`: pictures in, labels out."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.api import forms
from inference.api.describe import BINARY, QUERY_MODEL, VERSIONED, body, json_answer, operation
from inference.api.jobs import Job, finish
from inference.api.route import Operation, Route, Where
from inference.api.schemas import Schema, listed, ref
from inference.api.services import Services
from inference.errors import ApiError, BadRequest
from inference.messages import JSON, Reply, Request
from inference.models import score
from inference.models.model import Run
from inference.models.pipeline import Pipeline
from inference.models.registry import Served
from inference.models.stats import Executed, Timing
from inference.protocol.binary import CONTENT_TYPE


@dataclass(slots=True)
class _Job(Job):
    """A request with pictures, their tensor [N, …], and the rows of scores [N, classes]."""

    batch: NDArray[Any] | None = None
    rows: NDArray[np.float64] | None = None


def score_pictures(services: Services, served: Served, requests: Sequence[Request], run: Run) -> list[Reply]:
    """Answer requests with one model, one after the other.

    An ApiError of `run` is the reply to the request that it was for. What else `run` raises is raised.
    """
    return [reply for request in requests for reply in _score(services, served, request, run)]


def _score(services: Services, served: Served, request: Request, run: Run) -> list[Reply]:
    job = _Job(request, Timing(request.waited))
    job.step("compute_input", partial(_prepare, job, services, served))
    if job.batch is None or served.pipeline is None:
        return finish(served, [job], [])
    _run(job, served, served.pipeline, run)
    if job.rows is None:
        return finish(served, [job], [])
    job.step("compute_output", partial(_rank, job, served, served.pipeline))
    times = job.timing.executions
    return finish(served, [job], [Executed(len(job.batch) // times, job.timing.laps, times)])


def _prepare(job: _Job, services: Services, served: Served) -> None:
    if served.pipeline is None:
        raise BadRequest(
            f"model {served.name!r} is no image model: its serving.json has no image section; "
            f"use POST /v2/models/{served.name}/infer"
        )
    text = services.expanded(job.request)
    kind, limits = job.request.headers.get("CONTENT_TYPE"), services.picture_limits
    pictures = forms.pictures(bytes(text), kind, limits, services.json_limits)
    job.batch = served.pipeline.prepare(pictures, limits)
    job.timing.batch_size, job.timing.executions = len(job.batch), served.pipeline.executions(job.batch)


def _run(job: _Job, served: Served, pipeline: Pipeline, run: Run) -> None:
    assert job.batch is not None, job
    started = time.perf_counter_ns()
    try:
        job.rows = pipeline.run(served.model, job.batch, run)
    except ApiError as error:
        job.error = error
    job.timing.laps["compute_infer"] = time.perf_counter_ns() - started


def _rank(job: _Job, served: Served, pipeline: Pipeline) -> None:
    assert job.rows is not None, job
    ranks = pipeline.rank(job.rows)
    milliseconds = (time.perf_counter_ns() - job.timing.started) / 1e6
    answer = score.answer(ranks, milliseconds)
    job.reply = Reply(answer, model=served.name, version=served.version, timing=job.timing)


def _operation() -> Operation:
    pictures: dict[str, Schema] = dict.fromkeys(("image/png", "image/jpeg", CONTENT_TYPE), BINARY)
    form = {"type": "object", "properties": {"image": listed(BINARY)}, "required": ["image"]}
    return operation(
        "Score pictures: one as the body, several as the files of a form, or as base64 in JSON",
        json_answer("Labels with percentages, the best first.", "ScoreResponse", headers=VERSIONED),
        (400, 404, 413, 415, 503),
        parameters=[QUERY_MODEL],
        requestBody=body({JSON: ref("ScoreRequest"), **pictures, forms.FORM: form}),
    )


ROUTES = (Route("POST", "/score", "score", score_pictures, Where.MODEL, _operation(), max_body=None),)
