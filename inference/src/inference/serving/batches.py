"""The batch queues of all models that ask for batching, and when their batches run."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from inference.errors import Unavailable
from inference.models.bundle import Batching
from inference.models.registry import Served
from inference.serving.answers import Answers
from inference.serving.batch_queue import FOREVER, BatchQueue
from inference.serving.call import Call
from inference.serving.deadline import TooSlow, Watch
from inference.serving.pool import Pool
from inference.serving.work import Run


class Batches:
    """Belongs to the I/O loop; a thread or the loop itself runs a batch."""

    def __init__(self, answers: Answers, watch: Watch, pool: Pool) -> None:
        """Start without queues: a model has one from its first request on."""
        self._answers = answers
        self._watch = watch
        self._pool = pool
        self._queues: dict[str, BatchQueue] = {}

    def put(self, call: Call, model: str, batching: Batching) -> bool:
        """Let a request wait for a batch; return False if too many do so already."""
        queue = self._queues.get(model)
        if queue is None:
            queue = self._queues[model] = BatchQueue(model, batching)
        queue.batching = batching
        # Before it waits: a thread may take and answer it at once.
        call.pending = True
        if queue.put(call):
            return True
        call.pending = False
        return False

    def forget(self, call: Call) -> bool:
        """Take a request out that nobody waits for; return whether it waited."""
        return any(queue.forget(lambda one: one is call) for queue in self._queues.values())

    def turn(self, now: int, all_busy: Callable[[], bool], wake: Callable[[], None]) -> float:
        """Run or place the batches that are due; return for how many seconds none will be."""
        for queue in self._queues.values():
            self._expire(queue, now)
            while queue.due(now, all_busy):
                queue.running = True
                self._start(queue, wake)
        return min((queue.sleep(now) for queue in self._queues.values()), default=FOREVER)

    def _expire(self, queue: BatchQueue, now: int) -> None:
        for call in queue.expired(now):
            limit = f"{queue.batching.timeout:g} s (batching.timeout)"
            message = f"model {queue.model!r} is busy: the request has waited longer than {limit}; try again"
            self._answers.refuse(call, Unavailable(message))

    def _start(self, queue: BatchQueue, wake: Callable[[], None]) -> None:
        """Run the next batch here if its model is quick, or let a thread run it."""
        served = self._answers.registry.available(queue.model)
        if served and served.pace.quick(queue.largest_body()):
            self.run(queue, on_loop=True)
        elif not self._pool.offer(queue.model, Batch(self, queue, wake)):
            queue.running = False
            for call in queue.take():
                self._answers.refuse(call, Unavailable(f"model {queue.model!r} is busy; try again"))

    def run(self, queue: BatchQueue, *, on_loop: bool) -> None:
        """Run the next batch, on the I/O loop or on a thread."""
        calls = queue.take()
        for call in calls:
            call.running = True
        lease = self._answers.registry.try_lease(queue.model)
        try:
            if lease:
                with lease:
                    calls = self._run_together(queue, calls, lease.served, on_loop=on_loop)
            # The version was replaced meanwhile, or the model is away: an error, or a wait.
            for call in calls:
                one = Run(call, self._answers, self._watch)
                if not on_loop:
                    one.serve()
                elif not self._pool.offer(queue.model, one):
                    self._answers.refuse(call, Unavailable(f"model {queue.model!r} is busy; try again"))
        finally:
            queue.running = False

    def _run_together(
        self, queue: BatchQueue, calls: list[Call], served: Served, *, on_loop: bool
    ) -> list[Call]:
        """Answer the calls that a version fits; return the others."""
        fit = [call for call in calls if call.version in (None, served.version)]
        if fit:
            run = self._watch.on_loop(fit) if on_loop else self._watch.on_thread(fit)
            try:
                self._answers.run(fit, served, run, on_loop=on_loop)
            except TooSlow:
                served.pace.slow(time.perf_counter_ns())
                for call in fit:
                    call.running = False
                queue.put_back(fit)
        return [call for call in calls if call not in fit]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """The work of a thread that runs the next batch of a queue."""

    batches: Batches
    queue: BatchQueue
    wake: Callable[[], None]

    @property
    def call(self) -> None:
        """Return nothing: a batch is chosen when it starts."""

    def serve(self) -> None:
        """Run the batch, and let the I/O loop look for the next one."""
        try:
            self.batches.run(self.queue, on_loop=False)
        finally:
            self.wake()
