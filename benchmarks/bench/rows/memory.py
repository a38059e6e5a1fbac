"""Memory of the server over the swaps of a model with 200 MiB of weights."""

import time

from bench.results import Budget, Result
from bench.server import Server, serving
from bench.turns import Bench

BOUND = 1.1
_REQUESTS = 20
_SETTLE_SECONDS = 1.0


def memory(bench: Bench) -> list[Result]:
    """Resident memory after the first load, and after each swap."""
    count = 5 if bench.quick else 20
    with serving("large", bench.work("memory")) as server:
        curve = [_settled(server)]
        bench.say(f"memory after the first load: {curve[0]:.0f} MiB")
        for number in range(2, count + 2):
            server.swap(number)
            curve.append(_settled(server))
            bench.say(f"memory after swap {number - 1}: {curve[-1]:.0f} MiB")
        peak = server.process.memory("VmHWM")
    after = f"after {count} swaps"
    samples = {"after the first load": (curve[0],), after: (curve[-1],), "highest of them": (max(curve),)}
    samples["peak while loading"] = (peak,)
    budgets = (Budget(f"{after} / after the first load", curve[-1] / curve[0], BOUND, at_least=False),)
    title = "Memory (RSS) of the server of a model of 200 MiB"
    return [Result("memory", title, "MiB", samples, False, {}, budgets, curves={"RSS": curve})]


def _settled(server: Server) -> float:
    for _ in range(_REQUESTS):
        server.ask()
    time.sleep(_SETTLE_SECONDS)
    return round(server.process.memory(), 1)
