"""Requests a second beside the peers: of a small model, where all is overhead, and of ResNet-50."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from bench import setup
from bench.load import Load, Loader
from bench.processes import Command, free_port, post, running, until
from bench.question import Question
from bench.results import OURS, Budget, Result
from bench.stats import ratio
from bench.targets import PEERS, Peer, Request, ours, peer
from bench.turns import Bench, Turns

BARE = "bare onnxruntime"
# The chart gives the server a cache, so ours has one where the model is large enough for it.
NO_CACHE = f"{OURS} without --cache"
SMALL_BOUNDS = {"FastAPI by hand": 2.0, "Triton": 1.3, "MLServer": 5.0}
# Of a client that is alone.
LONE_BOUNDS = {"FastAPI by hand": 1.5}
OTHER_SMALL, OTHER_LARGE, OF_BARE_RAW, OF_BARE_JSON = 6.0, 2.0, 0.95, 0.85
_WARM_UP_SECONDS = 2
_COPIED = b"the optimised copy serves"


@dataclass(frozen=True, slots=True)
class Case:
    """A model, a request of it, and who sends it."""

    key: str
    model: str
    connections: int
    processes: int = 1
    raw: bool = False


def small(bench: Bench) -> list[Result]:
    """The digits as JSON: over 16 connections, by one process and by two, and for a client that is alone."""
    results = []
    for processes, connections, sent in (
        (1, 16, "16 connections, 1 process"),
        (2, 16, "16 connections, 2 processes"),
        (1, 1, "1 connection, 1 process"),
    ):
        case = Case(f"small-{processes}-{connections}", "digits", connections, processes)
        turns, notes = _measured(bench, case, {})
        others = [name for name in turns.samples if name != OURS]
        if connections > 1:
            bounds = {name: SMALL_BOUNDS.get(name, OTHER_SMALL) for name in others}
        else:
            bounds = {name: LONE_BOUNDS[name] for name in others if name in LONE_BOUNDS}
        results.append(_result(case, f"Digits, JSON, {sent}", turns, bounds, notes))
    return results


def large(bench: Bench) -> list[Result]:
    """ResNet-50 over 4 connections, its 602 kB as raw tensors and as JSON, beside a bare loop."""
    results = []
    for raw, form, of_bare in ((True, "raw tensors", OF_BARE_RAW), (False, "JSON", OF_BARE_JSON)):
        case = Case(f"large-{'raw' if raw else 'json'}", "resnet50", 4, raw=raw)
        others: dict[str, Callable[[Path], float]] = {BARE: partial(_bare, bench, case)}
        others[NO_CACHE] = partial(_ours, bench, case, {})
        turns, notes = _measured(bench, case, others)
        bounds = {} if raw else {name: OTHER_LARGE for name in turns.samples if name not in (OURS, NO_CACHE)}
        bounds |= {BARE: of_bare}
        results.append(_result(case, f"ResNet-50, {form}, 4 connections, 1 process", turns, bounds, notes))
    return results


def _measured(
    bench: Bench, case: Case, others: dict[str, Callable[[Path], float]]
) -> tuple[Turns, tuple[str, ...]]:
    bench.say(f"{case.key}: {bench.rounds} rounds of {bench.seconds:g} s")
    tails: dict[str, list[float]] = {}
    targets = {OURS: partial(_ours, bench, case, tails, cached=case.model != "digits")} | others
    targets |= {which.name: partial(_peer, bench, case, which, tails) for which in bench.peers}
    turns = bench.interleaved(targets, bench.work(case.key))
    for which in PEERS:
        if which not in bench.peers:
            turns.missing[which.name] = "It was left out of this run."
    shown = [f"{name} {np.median(tails[name]) * 1000:.3g}" for name in turns.samples if name in tails]
    return turns, (f"99th percentile of the latency in ms: {', '.join(shown)}.",)


def _result(case: Case, title: str, turns: Turns, bounds: dict[str, float], notes: tuple[str, ...]) -> Result:
    samples = turns.frozen()
    budgets = tuple(
        Budget(f"{OURS} / {name}", ratio(samples[OURS], samples[name]), bound)
        for name, bound in bounds.items()
        if OURS in samples and name in samples
    )
    return Result(case.key, title, "requests/s", samples, True, turns.missing, budgets, notes)


def _ours(bench: Bench, case: Case, tails: dict[str, list[float]], work: Path, cached: bool = False) -> float:
    port, model = free_port(), setup.model(case.model)
    question = Question.of(model)
    cache = work / "cache"
    options: tuple[str, ...] = ()
    if cached:
        cache.mkdir()
        options = ("--cache", str(cache))
    command = ours(model, work, port, "--workers", str(case.processes), *options)
    request = question.request("v2" if case.raw else None, case.raw)
    return _loaded(bench, case, command, port, (question, request), tails.setdefault(OURS, []), work)


def _peer(bench: Bench, case: Case, which: Peer, tails: dict[str, list[float]], work: Path) -> float:
    port, model = free_port(), setup.model(case.model)
    question = Question.of(model)
    request = question.request(which.raw, case.raw)
    command = peer(which, model, case.processes, case.model == "digits", port)
    return _loaded(bench, case, command, port, (question, request), tails.setdefault(which.name, []), work)


def _loaded(
    bench: Bench,
    case: Case,
    command: Command,
    port: int,
    asked: tuple[Question, Request],
    tails: list[float],
    work: Path,
) -> float:
    question, request = asked
    with running(command, work / "log") as process:
        url = f"http://127.0.0.1:{port}{request.path}"
        until("it answers", lambda: post(url, request.headers, request.body) is not None, process)
        if "--cache" in command.words:
            until("its copy of the model serves", lambda: _COPIED in (work / "log").read_bytes(), process)
        loader = Loader(port, request, case.connections, work)
        loader.run(_WARM_UP_SECONDS)
        # Only now: of several processes, one may have answered before another had its model.
        question.check(post(url, request.headers, request.body) or b"", case.raw)
        load = loader.run(bench.seconds)
        process.check()
    tails.append(load.p99)
    return _good(load)


def _good(load: Load) -> float:
    if load.failed or not load.requests:
        raise setup.Unavailable(
            f"{load.failed} requests failed under load, and {load.requests} were answered."
        )
    return load.rate


def _bare(bench: Bench, case: Case, work: Path) -> float:
    """Runs a second of a loop over onnxruntime from as many threads as there are connections."""
    words = [setup.BIN / "python", setup.HERE / "tools/bare.py", setup.model(case.model) / "model.onnx"]
    seconds = str(bench.seconds)
    done = subprocess.run([*words, str(case.connections), seconds], capture_output=True, text=True, cwd=work)
    if done.returncode:
        raise setup.Unavailable(f"The loop failed: {done.stderr.strip()[-300:]}")
    return float(done.stdout)
