"""Tells of changes on the volume as they happen. A slow poll beside it finds what events miss."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

from inference.logs import fields, logger
from inference.models.volume import LINK


class _Handler(FileSystemEventHandler):
    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def dispatch(self, event: FileSystemEvent) -> None:
        """Wake for a link that came or moved, and for a directory that came, moved or went."""
        names = {Path(str(path)).name for path in (event.src_path, event.dest_path) if path}
        if LINK in names or isinstance(event, DirCreatedEvent | DirDeletedEvent | DirMovedEvent):
            self._wake()


class Watch:
    """Watches the volume's root, and the directory of each model.

    Never the link itself, nor anything behind it: a watch there goes deaf with the first switch.
    """

    def __init__(
        self,
        volume: Path,
        wake: Callable[[], None],
        make_observer: Callable[[], BaseObserver] = Observer,
    ) -> None:
        """Start to watch; without inotify this warns, and the poll is all there is."""
        self._volume = volume
        self._handler = _Handler(wake)
        # None: it cannot be watched, which is logged once.
        self._watched: dict[Path, ObservedWatch | None] = {}
        self._observer: BaseObserver | None = None
        try:
            observer = make_observer()
            observer.daemon = True
            observer.start()
        except (OSError, RuntimeError) as error:  # RuntimeError: no thread can be started
            logger.warning("no events, only polling", extra=fields(reason=str(error)))
        else:
            self._observer = observer

    def refresh(self) -> None:
        """Watch what is new on the volume, and forget what is gone; raises OSError if it cannot be read."""
        if self._observer is None:
            return
        present = {self._volume, *(path for path in self._volume.iterdir() if path.is_dir())}
        for path in self._watched.keys() - present:
            if watch := self._watched.pop(path):
                self._remove(self._observer, watch)
        for path in present - self._watched.keys():
            self._add(self._observer, path)

    def _add(self, observer: BaseObserver, path: Path) -> None:
        try:
            self._watched[path] = observer.schedule(self._handler, str(path), recursive=False)
        except (OSError, RuntimeError) as error:
            self._watched[path] = None
            told = fields(path=path, reason=str(error))
            logger.warning("cannot watch a directory; polling finds its changes", extra=told)

    def _remove(self, observer: BaseObserver, watch: ObservedWatch) -> None:
        # The directory is gone, and with it what watched it, maybe already.
        with suppress(OSError, KeyError, RuntimeError):
            observer.unschedule(watch)

    def stop(self) -> None:
        """Stop to watch."""
        if self._observer:
            self._observer.stop()
