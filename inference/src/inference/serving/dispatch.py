"""Which requests run where: quick models, and routes that run no model, on the I/O loop; the rest on threads.

To hand a request to a thread costs more than a small model does. So the I/O loop decides once a turn, for all
requests that it has read by then. Each model has its own queue, and a request beyond it gets 503 at once.
"""

import time
from collections import deque
from collections.abc import Callable

from inference.api.route import Where, model_of
from inference.api.table import Table
from inference.errors import TooLarge, Unavailable
from inference.logs import logger
from inference.messages import Reply
from inference.models.registry import Served
from inference.observe.metrics import REJECTED, limited
from inference.serving.answers import Answers
from inference.serving.batches import Batches
from inference.serving.call import Call, Exchange
from inference.serving.deadline import TooSlow, Watch
from inference.serving.pool import Pool, Work
from inference.serving.work import Handle, Run

# How long the I/O loop may sleep, in seconds.
LONGEST_SLEEP = 1.0
# The key of the queue for routes that wait, and run no model.
CONTROL = ""


class LoopDispatcher:
    """Answers every request on the I/O loop, by the WSGI application."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._arrived: deque[Exchange] = deque()
        self.wake: Callable[[], None] = lambda: None
        self.all_busy: Callable[[], bool] = lambda: True

    def connect(self, wake: Callable[[], None], all_busy: Callable[[], bool]) -> None:
        """Take what wakes the I/O loop, and what returns whether each of its connections has a request."""
        self.wake, self.all_busy = wake, all_busy

    def add_task(self, task: Exchange) -> None:
        """Take a connection whose next request is complete; called by the I/O loop or a thread."""
        self._arrived.append(task)

    def turn(self) -> float:
        """Run or place all requests that came; return for how many seconds the I/O loop may sleep."""
        for _ in range(len(self._arrived)):
            exchange = self._arrived.popleft()
            if exchange.choked():
                self._arrived.append(exchange)
            elif exchange.connected:
                try:
                    self._place(exchange)
                except Exception:
                    logger.exception("a connection failed")
                    exchange.handle_close()
        # A client that sends the next request without waiting for a response: it came while this one was run.
        return LONGEST_SLEEP if all(exchange.choked() for exchange in self._arrived) else 0.0

    def _place(self, exchange: Exchange) -> None:
        exchange.service()

    def is_queued(self, exchange: Exchange) -> bool:
        """Return whether the first request of a connection still waits to be run."""
        return exchange in self._arrived

    def forget(self, exchange: Exchange) -> bool:
        """Drop the requests of a closed connection; return whether a thread still answers its first one."""
        return False


class Dispatcher(LoopDispatcher):
    """Runs quick models on the I/O loop, and everything that takes longer on threads."""

    def __init__(self, table: Table, answers: Answers, watch: Watch, pool: Pool) -> None:
        """Dispatch by `table`; threads are those of `pool`."""
        super().__init__()
        self._table = table
        self._answers = answers
        self._watch = watch
        self._pool = pool
        self._batches = Batches(answers, watch, pool)

    def turn(self) -> float:
        """Run or place all requests that came; return for how many seconds the I/O loop may sleep."""
        sleep = super().turn()
        return min(sleep, self._batches.turn(time.perf_counter_ns(), self.all_busy, self.wake))

    def is_queued(self, exchange: Exchange) -> bool:
        """Return whether the first request of a connection still waits to be run."""
        call = exchange.call
        return super().is_queued(exchange) or (call is not None and call.pending and not call.running)

    def forget(self, exchange: Exchange) -> bool:
        """Drop the requests of a closed connection, and end the run of the one that a thread answers."""
        # It may be called again for a connection that is closed: the call stays.
        call = exchange.call
        if call is None or not call.pending:
            return False
        call.left = True
        dropped = self._pool.drop(lambda work: work.call is call)
        if dropped or self._batches.forget(call):
            call.pending = False
        return call.pending

    def _place(self, exchange: Exchange) -> None:
        request = exchange.requests[0]
        if request.refusal is not None:
            exchange.service()
            return
        found = self._table.find(request.command, request.text_path)
        if isinstance(found, Reply):
            self._answers.answer_unrouted(exchange, found)
            return
        route = found.route
        call = Call(exchange, found, *model_of(found, request.query))
        if route.max_body is not None and call.body_bytes > route.max_body:
            limited("body_bytes")
            message = f"the body is too large: {route.path} reads {route.max_body} bytes"
            self._answers.refuse(call, TooLarge(message))
        elif route.where is Where.MODEL:
            self._place_model(call)
        elif route.where is Where.THREAD:
            self._offer(CONTROL, Handle(call, self._answers))
        else:
            exchange.service()

    def _place_model(self, call: Call) -> None:
        served = self._answers.registry.available(call.model, call.version)
        if served is None or not call.found.route.tensors:
            self._hand_over(call, served)
        elif served.bundle.batching:
            if not self._batches.put(call, served.name, served.bundle.batching):
                limit = f"{served.bundle.batching.max_queue} requests wait already (batching.max_queue)"
                self._refuse_busy(call, f"model {served.name!r} is busy: {limit}; try again")
        elif "CONTENT_ENCODING" not in call.headers and served.pace.quick(call.body_bytes):
            self._run_now(call)
        else:
            self._hand_over(call, served)

    def _run_now(self, call: Call) -> None:
        """Run a quick model on the I/O loop; one that turns out slow goes to a thread."""
        lease = self._answers.registry.try_lease(call.model, call.version)
        if lease is None:
            self._hand_over(call, None)
            return
        with lease:
            served = lease.served
            try:
                self._answers.run([call], served, self._watch.on_loop([call]), on_loop=True)
                return
            except TooSlow:
                served.pace.slow(time.perf_counter_ns())
        self._hand_over(call, served)

    def _hand_over(self, call: Call, served: Served | None) -> None:
        """Let a thread run a model; without `served` it waits for the model, or finds out what is wrong."""
        key = served.name if served else self._answers.registry.label(call.model)
        self._offer(key, Run(call, self._answers, self._watch))

    def _offer(self, key: str, work: Work) -> None:
        """Let a request wait for a thread, or refuse it if too many of its model do."""
        call = work.call
        assert call is not None, key
        call.pending = True
        if not self._pool.offer(key, work):
            call.pending = False
            what = f"model {key!r}" if key else "the server"
            self._refuse_busy(
                call, f"{what} is busy: {self._pool.most_waiting} requests wait already; try again"
            )

    def _refuse_busy(self, call: Call, message: str) -> None:
        REJECTED.inc()
        self._answers.refuse(call, Unavailable(message))
