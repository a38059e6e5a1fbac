"""Requests failed and latency while versions are swapped under full load, beside the steady state."""

import time
from dataclasses import dataclass
from typing import Any

from bench.load import Answer, Loader
from bench.results import OURS, Budget, Result
from bench.server import Server, serving
from bench.setup import Unavailable
from bench.stats import percentile, ratio, windows
from bench.turns import Bench

STEADY = "steady"
TAIL_BOUND = 2.0
_WINDOW = 0.1


@dataclass(frozen=True, slots=True)
class Case:
    """A model under full load, and the rest between two swaps in seconds."""

    model: str
    title: str
    connections: int
    raw: bool
    rest: float


CASES = (
    Case("digits", "Digits, JSON, 16 connections", 16, False, 0.25),
    Case("resnet50", "ResNet-50, raw tensors, 4 connections", 4, True, 0.5),
)


def swaps(bench: Bench) -> list[Result]:
    """One table a model: 99th percentiles of the latency, steady and over the swaps."""
    return [_case(bench, case, 5 if bench.quick else 20) for case in CASES]


def _case(bench: Bench, case: Case, count: int) -> Result:
    try:
        return _measured(bench, case, count)
    except Unavailable as reason:
        bench.say(f"{case.title}: not measured. {reason}")
        return _result(case, {}, missing={OURS: str(reason)})


def _measured(bench: Bench, case: Case, count: int) -> Result:
    swapping = f"over {count} swaps"
    tails: dict[str, list[float]] = {STEADY: [], swapping: []}
    failed, asked, curves = 0, 0, {}
    work = bench.work(f"swaps-{case.model}")
    with serving(case.model, work, case.raw) as server:
        loader = Loader(server.port, server.request, case.connections, work)
        loader.run(2)
        newest = 1
        for _ in range(bench.rounds):
            for phase, number in ((STEADY, 0), (swapping, count)):
                answers = _phase(bench, server, loader, case, range(newest + 1, newest + 1 + number))
                newest += number
                tails[phase].append(_tail(answers) * 1000)
                failed += sum(answer.status >= 400 for answer in answers)
                asked += len(answers)
                curves[phase] = _curve(answers)
                bench.say(f"{case.title}, {phase}: {tails[phase][-1]:.3g} ms")
    budgets = (
        Budget("requests failed", failed, 0, at_least=False),
        Budget(
            f"99th percentile {swapping} / {STEADY}", ratio(tails[swapping], tails[STEADY]), TAIL_BOUND, False
        ),
    )
    notes = (f"{failed} of {asked:,} requests failed.",)
    samples = {name: tuple(values) for name, values in tails.items()}
    return _result(case, samples, budgets=budgets, notes=notes, curves=curves)


def _result(case: Case, samples: dict[str, tuple[float, ...]], **more: Any) -> Result:
    title = f"{case.title}: 99th percentile of the latency"
    return Result(f"swaps-{case.model}", title, "ms", samples, more_is_better=False, **more)


def _phase(bench: Bench, server: Server, loader: Loader, case: Case, versions: range) -> list[Answer]:
    """Load the server while it swaps, or for a steady phase; returns the answers meanwhile."""
    # wrk cannot be told to stop early and still report: it runs a little longer than the swaps need.
    with loader.tracing(max(bench.seconds, len(versions) * (case.rest + 0.75))) as answers:
        for number in versions:
            time.sleep(case.rest)
            server.swap(number)
        end = time.time() if versions else float("inf")
    return [answer for answer in answers if answer.at <= end or answer.status >= 400]


def _tail(answers: list[Answer]) -> float:
    if not answers:
        raise Unavailable("No request was answered in the time that there was.")
    return percentile((answer.latency for answer in answers), 99)


def _curve(answers: list[Answer]) -> list[tuple[float, float, float]]:
    """Start in seconds, median and 99th percentile in ms of each window."""
    start = answers[0].at
    found = windows(((answer.at - start, answer.latency * 1000) for answer in answers), _WINDOW)
    return [(round(at, 3), round(middle, 3), round(tail, 3)) for at, middle, tail in found]
