"""A request on its way through a handler that runs a model: its times, and its reply or error."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from inference.api.replies import error_reply
from inference.messages import Reply, Request
from inference.models.registry import Served
from inference.models.stats import Executed, Timing
from inference.observe import metrics


@dataclass(slots=True)
class Job:
    """A request; each step of a handler leaves what the next one needs, or the error that ends the job."""

    request: Request
    timing: Timing
    reply: Reply | None = None
    error: Exception | None = None

    def step(self, lap: str, do: Callable[[], None]) -> None:
        """Do a part of the work, and note the time that it takes; keep an exception as the job's error."""
        started = time.perf_counter_ns()
        try:
            do()
        except Exception as error:
            self.error = error
        self.timing.laps[lap] = time.perf_counter_ns() - started


def finish(served: Served, jobs: Sequence[Job], executions: Sequence[Executed]) -> list[Reply]:
    """Count jobs that have ended with the runs that they needed; return their replies."""
    for job in jobs:
        job.timing.end(failed=job.error is not None)
    served.stats.add([job.timing for job in jobs], executions)
    for execution in executions:
        metrics.ran(served.name, served.version, execution.batch_size, execution.times)
    return [job.reply or _failed(served, job) for job in jobs]


def _failed(served: Served, job: Job) -> Reply:
    assert job.error is not None, job
    reply = error_reply(job.error, job.request.path)
    return reply._replace(model=served.name, version=served.version, timing=job.timing)
