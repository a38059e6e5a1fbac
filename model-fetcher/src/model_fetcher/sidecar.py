"""`fetch` and `watch` as processes: threads, signals, the admin port."""

import logging
import os
from collections.abc import Callable
from contextlib import closing
from functools import partial
from threading import Event, Thread

from model_fetcher import __version__, admin
from model_fetcher.confirm import ask
from model_fetcher.errors import FetcherError, SourceChanged, Stopped, StoreError
from model_fetcher.fetch import Delivery, Keep
from model_fetcher.progress import bar
from model_fetcher.settings import Settings
from model_fetcher.signals import Stop
from model_fetcher.sources import Address, open_source
from model_fetcher.volume import ModelDir
from model_fetcher.watch import Timing, Watcher

log = logging.getLogger(__name__)
_ATTEMPTS = 3
_POLL = 0.05


def fetch(settings: Settings) -> None:
    """Bring each source's version to the volume, and end; all sources at once.

    Raises the last error, having told the others. A store that is away is no error where a version is on
    disk already.
    """
    log.info("model-fetcher fetch", extra={"program": __version__} | settings.to_log())
    failed = list[Exception]()
    with closing(Stop()) as stop, bar("fetch", 0) as progress:
        jobs = [
            partial(_fetch, _delivery(settings, model, address, stop, lambda _, n: progress(n)), settings)
            for model, address in settings.models().items()
        ]
        threads = [_start(job, failed) for job in jobs]
        while any(thread.is_alive() for thread in threads) and not stop.wait(_POLL):
            pass
    for error in failed[:-1]:
        log.error(str(error))
    if failed:
        raise failed[-1]
    if stop.is_set():
        raise FetcherError("stopped by a signal; what was fetched is kept for the next run")


def _start(job: Callable[[], None], failed: list[Exception]) -> Thread:
    def run() -> None:
        try:
            job()
        except Stopped:
            pass
        except Exception as error:
            failed.append(error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    return thread


def _fetch(delivery: Delivery, settings: Settings) -> None:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            wanted = delivery.version(settings.version) if settings.version else delivery.wanted()
            assert wanted is not None
            delivery.bring(wanted)
            delivery.collect({wanted.manifest.version})
            return
        except StoreError as error:
            # A store that is away has been tried for long by its client; one that changed is read anew.
            if attempt == _ATTEMPTS or not isinstance(error, SourceChanged):
                _make_do(delivery, error)
                return
            log.warning(str(error), extra={"model": delivery.model, "attempt": attempt})
            if delivery.stop.wait(attempt):
                raise Stopped from None


def _make_do(delivery: Delivery, error: StoreError) -> None:
    """Start with the version that an earlier run left on the volume, if there is one."""
    there = delivery.place.current()
    if there is None or delivery.place.installed(there) is None:
        raise error
    about = {"model": delivery.model, "version": there, "reason": str(error)}
    log.warning("the store is away; the version on disk is served", extra=about)


def watch(settings: Settings) -> None:
    """Keep the volume equal to the sources until SIGTERM or SIGINT; SIGHUP polls at once.

    Raises an error before the first success only: of settings, or after `give_up_after`.
    """
    log.info("model-fetcher watch", extra={"program": __version__} | settings.to_log())
    watchers: list[Watcher] = []

    def hurry() -> None:
        for watcher in watchers:
            watcher.wake.set()

    with closing(Stop(hurry)) as stop:
        models = settings.models().items()
        watchers += [_watcher(settings, model, address, stop) for model, address in models]
        admin.serve(settings.admin_port, watchers)
        for watcher in watchers:
            Thread(target=watcher.run, name=watcher.delivery.model, daemon=True).start()
        while not stop.wait(_POLL) and not any(watcher.fatal for watcher in watchers):
            pass
    # Nothing waits for the admin port or a poll under way: the process ends, whatever they do.
    for watcher in watchers:
        if watcher.fatal:
            raise watcher.fatal
    log.info("stopped")


def _watcher(settings: Settings, model: str, address: Address, stop: Event) -> Watcher:
    timing = Timing(settings.interval, settings.give_up_after, settings.confirm_timeout)
    question = partial(ask, settings.confirm_url, model) if settings.confirm_url else None
    watcher: Watcher
    delivery = _delivery(settings, model, address, stop, lambda way, n: watcher.state.moved.update({way: n}))
    watcher = Watcher(delivery, timing, question)
    return watcher


def _delivery(
    settings: Settings, model: str, address: Address, stop: Event, count: Callable[[str, int], None]
) -> Delivery:
    source = open_source(address, os.environ, settings.auth, settings.endpoint)
    place = ModelDir(settings.volume / model)
    place.prepare()
    keep = Keep(settings.keep, settings.grace)
    return Delivery(model, source, place, settings.channel, settings.pod, keep, count, stop)
