"""Which requests run where: quick models and all that takes no model on the I/O loop, the rest on threads.

waitress hands every request to a thread, by a queue without bound: for a small model that costs more than
the answer does, and a probe waits behind whatever is queued. Here the I/O loop decides once a turn, for all
requests that it has read by then. A request beyond the bounded queue is answered 503 at once.
"""

import time
from collections import deque
from collections.abc import Callable

from waitress.task import ThreadedTaskDispatcher

from inference.errors import Unavailable
from inference.http.channel import Channel, QueueFull
from inference.logs import logger
from inference.models.registry import Served
from inference.observe.metrics import QUEUED, REJECTED
from inference.serving.batch_queue import Lane
from inference.serving.calls import Call, Direct, address
from inference.serving.deadline import Guard, TooSlow

# How long the I/O loop may sleep, in seconds.
LONGEST_SLEEP = 1.0


def is_work(method: str, path: str) -> bool:
    """Tell whether a request runs a model, or waits for one to be loaded."""
    return method == "POST" and (path == "/score" or path.endswith(("/infer", "/load", "/unload")))


def _give_up(*channels: Channel) -> None:
    """Log the exception that is at hand, and end the connections that would wait for an answer for ever."""
    logger.exception("a connection failed")
    for channel in channels:
        channel.handle_close()


class LoopDispatcher:
    """Serves every request on the I/O loop."""

    # Set by the listener: wakes its loop, and tells whether each of its connections has a request.
    wake: Callable[[], None]
    all_busy: Callable[[], bool]

    def __init__(self) -> None:
        """Start with nothing."""
        super().__init__()
        self._arrived: deque[Channel] = deque()

    def add_task(self, task: Channel) -> None:
        """Take a connection whose next request is complete; called by the I/O loop or a thread."""
        self._arrived.append(task)

    def turn(self) -> float:
        """Serve or place all requests that came; called by the I/O loop, once a turn.

        Returns for how many seconds it may sleep then.
        """
        self._work()
        return self._sleep()

    def _work(self) -> None:
        for _ in range(len(self._arrived)):
            channel = self._arrived.popleft()
            if channel.choked():
                self._arrived.append(channel)
            elif channel.connected:
                try:
                    self._place(channel)
                except Exception:
                    _give_up(channel)

    def _sleep(self) -> float:
        """Return for how long nothing is to be done, unless something comes."""
        # A client that sends the next request without waiting for an answer: that came while this was served.
        return LONGEST_SLEEP if all(channel.choked() for channel in self._arrived) else 0.0

    def _place(self, channel: Channel) -> None:
        channel.service()

    def forget(self, channel: Channel) -> None:
        """Learn that a connection is closed."""


class Dispatcher(LoopDispatcher, ThreadedTaskDispatcher):  # type: ignore[misc]
    """waitress's threads behind a bounded queue, for all that the I/O loop does not serve itself."""

    def __init__(self, threads: int, queue: int, direct: Direct) -> None:
        """Start `threads` threads; at most `queue` requests wait for one."""
        super().__init__()
        self._limit = queue
        self._direct = direct
        self._guard = Guard()
        # What the I/O loop is to run in this turn: all requests to one model at once.
        self._quick: dict[str, tuple[Served, list[Call]]] = {}
        self._lanes: dict[str, Lane] = {}
        self.set_thread_count(threads)

    def _work(self) -> None:
        """Place all requests that came, then run the quick models."""
        super()._work()
        quick, self._quick = self._quick, {}
        for served, calls in quick.values():
            try:
                self._serve_now(served, calls)
            except Exception:
                _give_up(*[call.channel for call in calls])
        for lane in self._lanes.values():
            try:
                self._tend(lane)
            except Exception:
                _give_up()

    def _sleep(self) -> float:
        return min([super()._sleep(), *(lane.sleep() for lane in self._lanes.values())])

    def _place(self, channel: Channel) -> None:
        request = channel.requests[0]
        if request.error is not None or not is_work(request.command, request.path):
            channel.service()
            return
        call = Call(channel, address(request.command, request.path, request.query), self._direct)
        served = self._at_hand(call)
        if served is None:
            self._hand_over(call)
        elif served.bundle.batching:
            self._let_wait(call, served)
        elif "CONTENT_ENCODING" not in request.headers and served.pace.quick(len(request.body())):
            self._quick.setdefault(served.name, (served, []))[1].append(call)
        else:
            self._hand_over(call)

    def _at_hand(self, call: Call) -> Served | None:
        """Return the model to infer with, if it is there: the I/O loop never waits for one."""
        asked = call.address
        if asked is None or asked.route != "infer":
            return None
        return self._direct.registry.at_hand(asked.model, asked.version)

    def _serve_now(self, served: Served, calls: list[Call]) -> None:
        try:
            self._direct.serve(calls, served, self._guard)
        except TooSlow:
            served.pace.slow(time.perf_counter_ns())
            for call in calls:
                self._enqueue(call)

    def _let_wait(self, call: Call, served: Served) -> None:
        batching = served.bundle.batching
        assert batching is not None, served.name
        lane = self._lanes.setdefault(served.name, Lane(served.name, batching, self._serve_lane))
        lane.batching = batching
        if not lane.put(call):
            REJECTED.inc()
            busy = f"{batching.max_queue} requests wait already (batching.max_queue); try again"
            self._direct.refuse(call, Unavailable(f"model {served.name!r} is busy: {busy}"))

    def _tend(self, lane: Lane) -> None:
        """Do what is due in a lane."""
        for call in lane.expired():
            limit = f"{lane.batching.timeout:g} s (batching.timeout)"
            late = f"the request has waited longer than {limit}; try again"
            self._direct.refuse(call, Unavailable(f"model {lane.model!r} is busy: {late}"))
        while lane.due(self.all_busy):
            lane.running = True
            served = self._direct.registry.at_hand(lane.model)
            if served and served.pace.quick(lane.largest_body()):
                self._serve_lane(lane, self._guard)
            else:
                self._enqueue(lane)

    def _serve_lane(self, lane: Lane, guard: Guard | None = None) -> None:
        """Answer a batch; with a guard this is the I/O loop, else a thread."""
        served = self._direct.registry.at_hand(lane.model)
        calls = lane.take()
        asked = {call: call.address.version for call in calls if call.address}
        fit = [call for call in calls if served and asked[call] in (None, served.version)]
        try:
            if fit:
                self._direct.serve(fit, served, guard)
            # The version was replaced meanwhile, or the model is away: an error, or a wait.
            for call in calls:
                if call not in fit:
                    self._direct.serve([call])
        except TooSlow:
            assert served is not None, lane.model
            served.pace.slow(time.perf_counter_ns())
            lane.put_back(calls)
        finally:
            lane.running = False
            self.wake()

    def _hand_over(self, call: Call) -> None:
        """Let a request wait for a thread, or refuse it if too many do."""
        with self.lock:
            idle = len(self.threads) - self.stop_count - self.active_count
            full = len(self.queue) >= self._limit + idle
        if full:
            REJECTED.inc()
            call.request.error = QueueFull(self._limit)
            call.channel.service()
        else:
            self._enqueue(call)

    def _enqueue(self, work: Call | Lane) -> None:
        if isinstance(work, Call):
            QUEUED.inc()
        with self.lock:
            self.queue.append(work)
            self.queue_cv.notify()

    def forget(self, channel: Channel) -> None:
        """Take the request of a connection that is closed out of its queue: the place is free for another."""
        for lane in self._lanes.values():
            lane.forget(channel)
        with self.lock:
            gone = [work for work in self.queue if isinstance(work, Call) and work.channel is channel]
            for call in gone:
                self.queue.remove(call)
                QUEUED.dec()
