"""One server process: two ports, the loader beside them, and an orderly end."""

import gc
import os
import threading
import time
from functools import partial
from pathlib import Path

import onnxruntime

from inference.http.listener import Listener
from inference.logs import fields, logger
from inference.machine import cgroup, cpu, memory, process
from inference.machine.cgroup import Place
from inference.models.changes import LoadContext
from inference.models.check_client import CheckServer
from inference.models.checks import Checks
from inference.models.copies import Copies
from inference.models.execution import Execution, find_libraries, stalls_while_loading
from inference.models.loader import Loader
from inference.models.registry import Registry
from inference.models.shared_verdicts import SharedVerdicts
from inference.models.watch import Watch
from inference.observe import board, metrics
from inference.observe.exposition import rows
from inference.observe.model_events import ModelMetrics
from inference.observe.observer import Observer
from inference.observe.sinks import sinks
from inference.process.listeners import make_listeners
from inference.process.signals import Stop
from inference.process.sockets import Sockets
from inference.settings import Settings

# New lists, dicts and the like that are still there.
_COLLECT_AFTER = 50_000
_CURE = fields(cure="give probes more time than a load takes, or several --workers")


def serve(
    settings: Settings,
    sockets: Sockets,
    stop: Stop,
    checks: CheckServer,
    worker: int = 0,
    *,
    only_when_ready: bool = False,
) -> int:
    """Serve until a signal; return the exit code.

    `checks` checks new versions in processes of their own.
    `worker`: its number among those that share the ports, 0 if it has them alone.
    `only_when_ready`: accept nothing before models are loaded, since other workers can.
    """
    _collect_less_often()
    limit = cgroup.memory(Place())
    # Before there are threads.
    one_arena = limit is not None and memory.one_arena()
    budget = cpu.budget(cpu.allowed_cpus(), settings.workers, settings.threads, settings.concurrency)
    registry = _registry(settings, worker)
    loader = Loader(settings.volume, registry, _load_context(settings, budget, checks, worker))
    # First versions are checked while the rest starts.
    watch = _follow(settings, loader)
    observer = Observer(*sinks(settings.access_log, os.environ))
    public, admin = make_listeners(settings, sockets, loader, budget, observer, limit)
    while only_when_ready and registry.unloaded_reason() and not stop.wait(0.1):
        pass
    if worker:
        threading.Thread(target=_settle, args=(stop,), name="metrics", daemon=True).start()
    if not stop.is_set():
        public.start()
    admin.start()
    ports = fields(
        port=public.socket.getsockname()[1],
        admin_port=admin.socket.getsockname()[1],
        cpus=budget.cpus,
        threads=budget.threads,
        concurrency=budget.concurrency,
        provider=settings.provider,
        onnxruntime=onnxruntime.__version__,
        memory_limit=limit.limit if limit else None,
        malloc_arenas=1 if one_arena else "default",
    )
    logger.info("listening", extra=ports)
    if stalls_while_loading():
        logger.warning("this onnxruntime lets nothing else run while it loads a model", extra=_CURE)
    stop.wait()
    _end(settings, registry, public)
    watch.stop()
    loader.stop()
    # Workers share the admin socket: the others still answer there.
    admin.drain(1, refuse=not worker)
    observer.close()
    return 0


def _collect_less_often() -> None:
    """Leave what is imported out of Python's search for cycles, and search after more new objects.

    A request of nested JSON is tens of thousands of lists: each 700 of them would start a search through all.
    """
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)


def _registry(settings: Settings, worker: int) -> Registry:
    """Make the registry; what changes in a worker's is told to the others."""
    if not worker:
        return Registry(settings.model, settings.swap_wait)
    directory = Path(os.environ[metrics.MULTIPROCESS])

    def tell(registry: Registry) -> None:
        board.write(directory, rows(registry))
        if registry.unloaded_reason() is None:
            board.arrive(directory, worker)

    others_start = partial(board.waiting, directory)
    return Registry(settings.model, settings.swap_wait, changed=tell, others_start=others_start)


def _settle(stop: Stop) -> None:
    """Let a scrape that another worker answers see what was counted here, a second later at most."""
    while not stop.wait(1):
        metrics.settle()


def _load_context(settings: Settings, budget: cpu.Budget, checks: CheckServer, worker: int) -> LoadContext:
    find_libraries(settings.provider)
    shared = SharedVerdicts(Path(os.environ[metrics.MULTIPROCESS])) if worker else None
    return LoadContext(
        Execution(budget.threads, settings.provider),
        settings.max_pixels,
        Checks(checks, shared),
        settings.load_timeout,
        settings.workers,
        Copies(settings.cache, settings.cache_size) if settings.cache else None,
        lambda: cgroup.memory(Place()),
        process.available,
        ModelMetrics(),
    )


def _follow(settings: Settings, loader: Loader) -> Watch:
    """Start to follow the volume: the directories are watched before their links are read."""
    watch = Watch(settings.volume, loader.wake)
    loader.before_scan = watch.refresh
    threading.Thread(target=loader.run, args=(settings.poll,), name="loader", daemon=True).start()
    return watch


def _end(settings: Settings, registry: Registry, public: Listener) -> None:
    """Be seen as not ready, then finish what is in flight."""
    logger.info(
        "stopping", extra=fields(drain_wait=settings.drain_wait, drain_timeout=settings.drain_timeout)
    )
    registry.draining = True
    public.draining = True
    time.sleep(settings.drain_wait)
    cut = public.drain(settings.drain_timeout)
    if cut:
        logger.warning("requests were cut off; give more --drain-timeout", extra=fields(requests=cut))
    logger.info("stopped")
