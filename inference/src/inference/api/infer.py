"""v2's inference, of one request or of several that share a run of the model.

Sources: `inference_rest.md` of github.com/kserve/open-inference-protocol, and the extensions in
`docs/protocol` of github.com/triton-inference-server/server.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import NamedTuple

from inference.api.compression import expand
from inference.api.content_type import require_json
from inference.api.replies import error_reply
from inference.errors import BadRequest
from inference.messages import Reply
from inference.models import batches
from inference.models.model import Model
from inference.models.registry import Served
from inference.models.stats import Executed, Timing
from inference.observe import metrics
from inference.protocol import binary, results, tensors
from inference.protocol.tensors import InferRequest
from inference.protocol.values import Array

# Runs a model on inputs for the outputs of these names; raises BadRequest.
Run = Callable[[Model, Mapping[str, Array], Sequence[str]], dict[str, Array]]


class Ask(NamedTuple):
    """An inference request as it came.

    `header` is the value of Inference-Header-Content-Length: with it, raw tensors follow the JSON.
    `waited` is how long the request did so, in nanoseconds. `encoding` is that of the body, which may have
    `limit` bytes without it.
    """

    body: bytes | memoryview
    content_type: str | None
    header: str | None
    waited: int
    encoding: str | None
    limit: int


@dataclass(slots=True)
class _Job:
    """A request on its way through: each step leaves what the next one needs, or an error."""

    ask: Ask
    timing: Timing
    request: InferRequest | None = None
    outputs: Mapping[str, Array] | None = None
    reply: Reply | None = None
    error: Exception | None = None


def infer(served: Served, asks: Sequence[Ask], run: Run = Model.run) -> list[Reply]:
    """Answer requests to one model, in their order; one that fails harms no other.

    What `run` raises beside BadRequest passes, and nothing is counted then.
    """
    jobs = [_Job(ask, Timing(ask.waited)) for ask in asks]
    for job in jobs:
        _step(job, served, "compute_input", _decode)
    runs = _run_all(served, [job for job in jobs if job.request], run)
    for job in jobs:
        if job.outputs is not None:
            _step(job, served, "compute_output", _encode)
        job.timing.end(failed=job.error is not None)
    executions = [_execution(group) for group in runs]
    served.stats.add([job.timing for job in jobs], executions)
    for execution in executions:
        metrics.ran(served.name, served.version, execution.batch_size)
    return [job.reply or _error_reply(job, served) for job in jobs]


def _step(job: _Job, served: Served, lap: str, do: Callable[[_Job, Served], None]) -> None:
    started = time.perf_counter_ns()
    try:
        do(job, served)
    except Exception as error:
        job.error = error
    job.timing.laps[lap] = time.perf_counter_ns() - started


def _decode(job: _Job, served: Served) -> None:
    ask, signature = job.ask, served.model.signature
    if ask.header is None:
        require_json(ask.content_type, may_be_absent=True)
    body = expand(ask.body, ask.encoding, ask.limit)
    request = tensors.decode(body, signature, ask.header)
    job.timing.batch_size = tensors.batch_size(request, signature)
    job.request = request


def _run_all(served: Served, jobs: list[_Job], run: Run) -> list[list[_Job]]:
    """Run the model on all jobs; return which of them have shared a run that did not fail."""
    if len(jobs) < 2 or served.most_rows < 2:
        return [done for job in jobs for done in _run(served, [job], run)]
    groups = batches.plan([job.request for job in jobs if job.request], served.most_rows)
    return [done for group in groups for done in _run(served, [jobs[at] for at in group], run)]


def _run(served: Served, group: list[_Job], run: Run) -> list[list[_Job]]:
    started = time.perf_counter_ns()
    try:
        parts = _outputs(served, [job.request for job in group if job.request], run)
    except BadRequest as error:
        if len(group) > 1:
            # One of them may be to blame, and the others are not.
            return [done for job in group for done in _run(served, [job], run)]
        group[0].error = BadRequest(f"model {served.name!r} version {served.version!r}: {error.message}")
        return []
    took = time.perf_counter_ns() - started
    for job, outputs in zip(group, parts, strict=True):
        job.outputs, job.timing.laps["compute_infer"] = outputs, took
    return [group]


def _outputs(served: Served, requests: list[InferRequest], run: Run) -> list[dict[str, Array]]:
    wanted = [output.name for output in requests[0].outputs]
    if len(requests) == 1:
        return [run(served.model, requests[0].inputs, wanted)]
    outputs = run(served.model, batches.join(requests), wanted)
    return batches.split(outputs, [batches.rows(request) for request in requests])


def _execution(group: list[_Job]) -> Executed:
    laps = [job.timing.laps for job in group]
    together = {lap: sum(one[lap] for one in laps) for lap in ("compute_input", "compute_output")}
    size = sum(job.timing.batch_size for job in group)
    return Executed(size, together | {"compute_infer": laps[0]["compute_infer"]})


def _encode(job: _Job, served: Served) -> None:
    assert job.request is not None, job
    assert job.outputs is not None, job
    signature, name, version = served.model.signature, served.name, served.version
    labels = partial(_labels, served)
    encoded = results.encode(name, version, job.request, job.outputs, signature, labels)
    if encoded.header is None:
        job.reply = Reply(encoded.body, model=name, version=version, timing=job.timing)
    else:
        headers = ((binary.HEADER, str(encoded.header)),)
        job.reply = Reply(
            encoded.body, HTTPStatus.OK, binary.CONTENT_TYPE, headers, name, version, job.timing
        )


def _labels(served: Served, output: str) -> tuple[str, ...]:
    outputs = served.model.signature.outputs
    scores = served.bundle.scores.output or (outputs[0].name if len(outputs) == 1 else "")
    return served.bundle.labels if output == scores else ()


def _error_reply(job: _Job, served: Served) -> Reply:
    assert job.error is not None, job
    path = f"/v2/models/{served.name}/infer"
    reply = error_reply(job.error, path)
    return reply._replace(model=served.name, version=served.version, timing=job.timing)
