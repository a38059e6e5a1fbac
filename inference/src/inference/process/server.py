"""One server process: two ports, the loader beside them, and an orderly end."""

import gc
import os
import socket
import threading
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import onnxruntime

from inference.api.admin import make_admin
from inference.api.app import create_app
from inference.http.listener import Listener
from inference.logs import fields, logger
from inference.machine import cgroup, cpu, memory
from inference.machine.cgroup import Place
from inference.models.copies import Copies
from inference.models.execution import Execution, find_libraries, stalls_while_loading
from inference.models.loader import Loader
from inference.models.registry import Registry
from inference.models.switch import Means
from inference.models.watch import Watch
from inference.observe import board, metrics
from inference.observe.exposition import State, rows
from inference.observe.model_events import ModelMetrics
from inference.observe.observer import Observer
from inference.observe.sinks import sinks
from inference.process.signals import Stop
from inference.serving.calls import Direct
from inference.serving.dispatch import Dispatcher, LoopDispatcher
from inference.settings import Settings

ADMIN_MAX_BODY = 1 << 16
# New lists, dicts and the like that are still there.
_COLLECT_AFTER = 50_000
_CURE = fields(cure="give probes more time than a load takes, or several --workers")


@dataclass(frozen=True, slots=True)
class Sockets:
    """The two listening sockets, and those of the other workers that clients come to."""

    public: socket.socket
    admin: socket.socket
    siblings: tuple[socket.socket, ...] = ()


def serve(
    settings: Settings, sockets: Sockets, stop: Stop, worker: int = 0, *, only_when_ready: bool = False
) -> int:
    """Serve until a signal; return the exit code.

    `worker`: its number among those that share the ports, 0 if it has them alone.
    `only_when_ready`: accept nothing before models are loaded, since other workers can.
    """
    _collect_less_often()
    limit = cgroup.memory(Place())
    # Before there are threads.
    one_arena = limit is not None and memory.one_arena()
    budget = cpu.budget(cpu.allowed_cpus(), settings.workers, settings.threads, settings.concurrency)
    registry = _registry(settings, worker)
    loader = Loader(settings.volume, registry, _means(settings, budget))
    observer = Observer(*sinks(settings.access_log, os.environ))
    public, admin = _listeners(settings, sockets, loader, budget, observer)
    watch = _follow(settings, loader)
    while only_when_ready and registry.unloaded_reason() and not stop.wait(0.1):
        pass
    if worker:
        threading.Thread(target=_settle, args=(stop,), name="metrics", daemon=True).start()
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
    admin.drain(1)
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


def _means(settings: Settings, budget: cpu.Budget) -> Means:
    find_libraries(settings.provider)
    return Means(
        Execution(budget.threads, settings.provider),
        settings.max_pixels,
        settings.workers,
        Copies(settings.cache, settings.cache_size) if settings.cache else None,
        lambda: cgroup.memory(Place()),
        ModelMetrics(),
    )


def _listeners(
    settings: Settings, sockets: Sockets, loader: Loader, budget: cpu.Budget, observer: Observer
) -> tuple[Listener, Listener]:
    registry = loader.registry
    control = loader.control if settings.repository_control else None
    app = create_app(registry, observer, settings.max_pixels, settings.max_body, control)
    direct = Direct(registry, observer, settings.max_pixels, settings.max_body)
    work = Dispatcher(budget.concurrency, settings.queue, direct)
    admin = make_admin(registry, State(registry, budget), settings.triton_metrics)
    return (
        Listener(app, sockets.public, work, observer, settings.max_body, sockets.siblings),
        Listener(admin, sockets.admin, LoopDispatcher(), Observer(), ADMIN_MAX_BODY),
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
