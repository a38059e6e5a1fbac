"""From `model-fetcher publish` to the first answer of the new version: both programs and a real Azurite."""

import random
import signal
import time
from pathlib import Path

from bench import setup
from bench.processes import Process, free_port, running, until
from bench.question import Question
from bench.results import Budget, Result
from bench.server import Server
from bench.store import Store, azurite, metric
from bench.targets import serve
from bench.turns import Bench
from bench.volume import Volume

POLLED, TOLD = "polled every 2 s", "told by SIGHUP"
INTERVAL, SPREAD, TOLD_BOUND = 2.0, 1.2, 2.0
_SECONDS = 60


def publish(bench: Bench) -> list[Result]:
    """Seconds from the end of `publish` to the new version serving, when polled and when told."""
    work = bench.work("publish")
    count = 3 if bench.quick else 15
    with azurite(work) as store:
        polled, load = _times(bench, store, work, "polled", count)
        told, _ = _times(bench, store, work, "told", count)
    samples = {POLLED: tuple(polled), TOLD: tuple(told)}
    most = INTERVAL * SPREAD + load
    budgets = (
        Budget("slowest, polled, in s (one interval and its spread, and the load)", max(polled), most, False),
        Budget("slowest, told, in s", max(told), TOLD_BOUND, False),
    )
    notes = (f"The server takes {load:.2f} s to load and check a version; the interval is spread by ± 20 %.",)
    return [Result("publish", "From published to served, digits", "s", samples, False, {}, budgets, notes)]


def _times(bench: Bench, store: Store, work: Path, name: str, count: int) -> tuple[list[float], float]:
    """Seconds of so many publishings, and the server's mean time to load a version."""
    told = name == "told"
    volume, bundle = Volume(work / f"volume-{name}"), setup.model("digits")
    (volume.directory / "model").mkdir(parents=True)
    http, admin, fetcher = free_port(), free_port(), free_port()
    words = ["--volume", str(volume.directory), "--admin-port", str(fetcher), "--grace", "1s"]
    words += ["--interval", "1h" if told else f"{INTERVAL:g}s"]
    words += ["--confirm-url", f"http://127.0.0.1:{http}/v2/repository/index"]
    serving = serve(volume, http, "--admin-port", str(admin))
    _publish(store, work, bundle, f"{name}-0")
    with (
        running(store.fetcher("watch", store.source, *words), work / f"{name}-fetcher.log") as watcher,
        running(serving, work / f"{name}-server.log") as process,
    ):
        server = Server(volume, bundle, process, http, Question.of(bundle).request(None, False))
        until("the first version serves", lambda: server.version() == f"{name}-0", process)
        pause = random.Random(1)
        seconds = []
        for number in range(1, count + 1):
            time.sleep(pause.uniform(0, INTERVAL))  # anywhere between two polls
            seconds.append(_once(store, work, server, watcher, f"{name}-{number}", told))
            bench.say(f"{name}: served after {seconds[-1]:.2f} s")
        loads = [metric(admin, f"modelsidecar_inference_load_seconds_{part}") for part in ("sum", "count")]
    return seconds, loads[0] / max(loads[1], 1)


def _once(store: Store, work: Path, server: Server, watcher: Process, version: str, told: bool) -> float:
    _publish(store, work, server.bundle, version)
    began = time.time()
    if told:
        watcher.signal(signal.SIGHUP)
    served = until(f"{version} serves", lambda: server.version() == version, server.process, _SECONDS)
    watcher.check()
    return served - began


def _publish(store: Store, work: Path, bundle: Path, version: str) -> None:
    """Publish a bundle that differs from all before it, so that it is really fetched."""
    fresh = Volume(work / "fresh")
    fresh.add(version, bundle)
    store.publish(fresh.directory / "model/versions" / version, version)
