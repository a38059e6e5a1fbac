"""`POST /v2/models/…/infer`: v2's inference, of one request or of several that share a run of the model.

Sources: `inference_rest.md` of github.com/kserve/open-inference-protocol, and the extensions in
`docs/protocol` of github.com/triton-inference-server/server.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from inference.api.content_type import require_json
from inference.api.describe import BINARY, VERSIONED, body, json_answer, operation, parameter
from inference.api.jobs import Job, finish
from inference.api.route import Operation, Where, of_model
from inference.api.schemas import ref
from inference.api.services import Services
from inference.errors import ApiError, BadRequest
from inference.messages import JSON, Reply, Request
from inference.models import batches
from inference.models.model import Run
from inference.models.pipeline import scores_output
from inference.models.registry import Served
from inference.models.stats import Executed, Timing
from inference.protocol import results, tensors
from inference.protocol.binary import CONTENT_TYPE, HEADER
from inference.protocol.tensors import InferRequest
from inference.protocol.values import Array

RAW_HEADER = HEADER.upper().replace("-", "_")


@dataclass(slots=True)
class _Job(Job):
    """An inference request, what it asks for, and what the model gave for it."""

    asked: InferRequest | None = None
    outputs: Mapping[str, Array] | None = None


def infer(services: Services, served: Served, requests: Sequence[Request], run: Run) -> list[Reply]:
    """Answer requests with one model, in their order; one that fails harms no other.

    An ApiError of `run` is the reply to those whose run it was. What else `run` raises is raised, and then
    nothing is counted.
    """
    jobs = [_Job(request, Timing(request.waited)) for request in requests]
    for job in jobs:
        job.step("compute_input", partial(_decode, job, services, served))
    runs = _run_all(served, [job for job in jobs if job.asked], run)
    for job in jobs:
        if job.outputs is not None:
            job.step("compute_output", partial(_encode, job, served))
    return finish(served, jobs, [_execution(group) for group in runs])


def _decode(job: _Job, services: Services, served: Served) -> None:
    headers, signature = job.request.headers, served.model.signature
    raw = headers.get(RAW_HEADER)
    if raw is None:
        require_json(headers.get("CONTENT_TYPE"), may_be_absent=True)
    text = services.expanded(job.request)
    asked = tensors.decode(text, signature, raw, services.json_limits)
    job.timing.batch_size = tensors.batch_size(asked, signature)
    job.asked = asked


def _run_all(served: Served, jobs: list[_Job], run: Run) -> list[list[_Job]]:
    """Run the model on all jobs; return which of them have shared a run that did not fail."""
    if len(jobs) < 2 or served.most_rows < 2:
        return [done for job in jobs for done in _run(served, [job], run)]
    groups = batches.plan([job.asked for job in jobs if job.asked], served.most_rows)
    return [done for group in groups for done in _run(served, [jobs[at] for at in group], run)]


def _run(served: Served, group: list[_Job], run: Run) -> list[list[_Job]]:
    started = time.perf_counter_ns()
    try:
        parts = _outputs(served, [job.asked for job in group if job.asked], run)
    except BadRequest as error:
        if len(group) > 1:
            # One of them may be to blame, and the others are not.
            return [done for job in group for done in _run(served, [job], run)]
        group[0].error = BadRequest(f"model {served.name!r} version {served.version!r}: {error.message}")
        return []
    except ApiError as error:
        for job in group:
            job.error = error
        return []
    took = time.perf_counter_ns() - started
    for job, outputs in zip(group, parts, strict=True):
        job.outputs, job.timing.laps["compute_infer"] = outputs, took
    return [group]


def _outputs(served: Served, asked: list[InferRequest], run: Run) -> list[dict[str, Array]]:
    wanted = [output.name for output in asked[0].outputs]
    if len(asked) == 1:
        return [run(served.model, asked[0].inputs, wanted)]
    outputs = run(served.model, batches.join(asked), wanted)
    return batches.split(outputs, [batches.rows(one) for one in asked])


def _execution(group: list[_Job]) -> Executed:
    if len(group) == 1:
        return Executed(group[0].timing.batch_size, group[0].timing.laps)
    laps = [job.timing.laps for job in group]
    together = {lap: sum(one[lap] for one in laps) for lap in ("compute_input", "compute_output")}
    size = sum(job.timing.batch_size for job in group)
    return Executed(size, together | {"compute_infer": laps[0]["compute_infer"]})


def _encode(job: _Job, served: Served) -> None:
    assert job.asked is not None, job
    assert job.outputs is not None, job
    signature, name, version = served.model.signature, served.name, served.version
    labels = partial(_labels, served)
    encoded = results.encode(name, version, job.asked, job.outputs, signature, labels)
    if encoded.header is None:
        job.reply = Reply(encoded.body, model=name, version=version, timing=job.timing)
    else:
        headers = ((HEADER, str(encoded.header)),)
        job.reply = Reply(encoded.body, HTTPStatus.OK, CONTENT_TYPE, headers, name, version, job.timing)


def _labels(served: Served, output: str) -> tuple[str, ...]:
    bundle = served.bundle
    return bundle.labels if output == scores_output(bundle, served.model.signature) else ()


def _operation() -> Operation:
    answer = json_answer("The outputs.", "InferResponse", headers=VERSIONED)
    answer["content"][CONTENT_TYPE] = {"schema": BINARY}
    return operation(
        "Run a model on tensors",
        answer,
        (400, 404, 413, 415, 503),
        parameters=[parameter(HEADER, "header", "The bytes of the JSON, if raw tensors follow it.")],
        requestBody=body({JSON: ref("InferRequest"), CONTENT_TYPE: BINARY}),
    )


ROUTES = of_model(
    "POST", "/infer", "infer", infer, where=Where.MODEL, doc=_operation(), max_body=None, tensors=True
)
