"""The fetcher at rest: what it asks of a real Azurite, and its memory over a thousand polls."""

from bench.processes import free_port, running, until
from bench.results import OURS, Budget, Result
from bench.setup import model
from bench.store import azurite, metric
from bench.turns import Bench
from bench.volume import Volume

INTERVAL, WARM_UP, POLLS = "20ms", 100, 1000
MEMORY_MIB, GROWTH = 60, 1.02
_COUNTER = "modelsidecar_fetch_polls_total"
_SECONDS = 300


def rest(bench: Bench) -> list[Result]:
    """Requests a poll by the emulator's own log, and resident memory before and after."""
    work = bench.work("rest")
    volume = Volume(work / "volume")
    polls = POLLS // 5 if bench.quick else POLLS
    with azurite(work) as store:
        store.publish(model("digits"), "v1")
        port = free_port()
        words = ["--volume", str(volume.directory), "--admin-port", str(port), "--interval", INTERVAL]
        with running(store.fetcher("watch", store.source, *words), work / "log") as process:
            until("it has settled", lambda: metric(port, _COUNTER) >= WARM_UP, process, _SECONDS)
            first, asked, before = metric(port, _COUNTER), store.requests(), process.memory()
            until("it has polled", lambda: metric(port, _COUNTER) >= first + polls, process, _SECONDS)
            last, answered, after = metric(port, _COUNTER), store.requests(), process.memory()
    each = (answered - asked) / (last - first)
    done = f"after {last - first:.0f} polls"
    bench.say(f"{each:.3f} requests a poll, {before:.1f} MiB, {done} {after:.1f} MiB")
    budgets = (
        # The two counts are read one after the other, so they may be a poll or two apart.
        Budget("requests a poll", round(each, 2), 1, at_least=False),
        Budget("memory in MiB", after, MEMORY_MIB, at_least=False),
        Budget(f"memory {done} / before", after / before, GROWTH, at_least=False),
    )
    samples = {f"{OURS}, settled": (before,), f"{OURS}, {done}": (after,)}
    notes = (f"{answered - asked} requests reached Azurite in {last - first:.0f} polls.",)
    title = "Memory (RSS) of the fetcher at rest"
    return [Result("rest", title, "MiB", samples, False, {}, budgets, notes)]
