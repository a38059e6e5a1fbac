"""Builds the two listeners of a process: limits, route tables, dispatcher, applications."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from inference.api.admin import admin_routes, make_admin
from inference.api.app import create_app
from inference.api.routes import PUBLIC
from inference.api.services import Services
from inference.api.table import Table
from inference.http.limits import Limits, Memory
from inference.http.listener import Listener
from inference.http.sockets import raise_file_limit
from inference.machine.cgroup import Memory as MemoryLimit
from inference.machine.cpu import Budget
from inference.models.loader import Loader
from inference.models.picturefiles import PictureLimits
from inference.observe.exposition import State
from inference.observe.observer import Observer
from inference.process.signals import leave
from inference.process.sockets import Sockets
from inference.protocol.limits import JsonLimits
from inference.serving.answers import Answers
from inference.serving.deadline import Watch
from inference.serving.dispatch import Dispatcher, LoopDispatcher
from inference.serving.pool import Pool
from inference.settings import Settings

# Probes and scrapes are few and small.
ADMIN_MAX_BODY, ADMIN_CONNECTIONS, ADMIN_IN_PROGRESS = 1 << 16, 300, 8 << 20
# Of the memory limit for requests in progress; without a memory limit it is that many bytes.
IN_PROGRESS_SHARE, IN_PROGRESS_BYTES = 1 / 4, 512 << 20


def open_files(settings: Settings) -> int:
    """Raise the limit of open files; return the connections that it leaves for the public port.

    Raises SettingsError if it leaves too few.
    """
    admin = min(ADMIN_CONNECTIONS, settings.max_connections)
    return max(1, raise_file_limit(settings.max_connections + admin) - admin)


def make_listeners(
    settings: Settings,
    sockets: Sockets,
    loader: Loader,
    budget: Budget,
    observer: Observer,
    memory: MemoryLimit | None,
) -> tuple[Listener, Listener]:
    """Return the listener of clients and that of the admin port; neither accepts before its `start`."""
    services = _services(settings, loader)
    table = Table(PUBLIC)
    app = create_app(table, services, observer, settings.cors_origin)
    answers = Answers(services, observer, settings.cors_origin)
    pool = Pool(budget.concurrency, settings.queue)
    work = Dispatcher(table, answers, Watch(settings.run_timeout), pool)
    routes = admin_routes(State(loader.registry, budget), settings.triton_metrics)
    admin = make_admin(Table(routes), services)
    fail: Callable[[], None] = partial(leave, 1)
    limits = _limits(settings, memory)
    return (
        Listener(app, sockets.public, work, observer, limits, fail, sockets.siblings),
        Listener(admin, sockets.admin, LoopDispatcher(), Observer(), _of_admin(limits), fail),
    )


def _services(settings: Settings, loader: Loader) -> Services:
    return Services(
        loader.registry,
        loader.control if settings.repository_control else None,
        settings.max_body,
        settings.max_expansion,
        JsonLimits(settings.max_json_elements, settings.max_json_depth),
        PictureLimits(settings.max_pictures, settings.max_pixels, settings.max_request_pixels),
    )


def _limits(settings: Settings, memory: MemoryLimit | None) -> Limits:
    share = int(memory.limit * IN_PROGRESS_SHARE) if memory else IN_PROGRESS_BYTES
    in_progress = settings.max_in_progress or max(share // settings.workers, settings.max_body * 2)
    return Limits(
        max_head=settings.max_head,
        max_headers=settings.max_headers,
        max_body=settings.max_body,
        head_timeout=settings.head_timeout,
        idle_timeout=settings.idle_timeout,
        stall_timeout=settings.stall_timeout,
        min_rate=settings.min_rate,
        max_connections=open_files(settings),
        max_connections_per_address=settings.max_connections_per_address,
        memory=Memory(in_progress),
    )


def _of_admin(limits: Limits) -> Limits:
    """Return the limits of the admin port: those of the clients' one, but for what is less there."""
    return replace(
        limits,
        max_body=ADMIN_MAX_BODY,
        max_connections=ADMIN_CONNECTIONS,
        max_connections_per_address=ADMIN_CONNECTIONS,
        memory=Memory(ADMIN_IN_PROGRESS),
    )
