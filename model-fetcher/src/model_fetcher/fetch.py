"""Making the volume equal to the source, once, for one model."""

import logging
import time
from collections import Counter
from dataclasses import dataclass
from threading import Event

from model_fetcher import memory
from model_fetcher.errors import IntegrityError, SourceChanged
from model_fetcher.manifest import Manifest
from model_fetcher.resolve import Wanted, resolve, version, version_path
from model_fetcher.sources.base import RANGE_BYTES, Source
from model_fetcher.staging import Count, Stage
from model_fetcher.volume import ModelDir

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Keep:
    """Which old versions stay: the last `versions` (the current one counts), and `grace` seconds."""

    versions: int = 2
    grace: float = 300.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One model's way from its source to its place on the volume."""

    model: str
    source: Source
    place: ModelDir
    channel: str
    pod: str
    keep: Keep
    count: Count
    stop: Event

    def wanted(self, seen: Wanted | None = None) -> Wanted | None:
        """What the source wants now; None if that is still what was `seen`."""
        return resolve(self.source, self.channel, self.pod, seen)

    def version(self, name: str) -> Wanted:
        """A version by its name; one that is on the volume needs no store."""
        there = self.place.installed(name)
        return Wanted(there, prefix=version_path(name)) if there else version(self.source, name)

    def bring(self, wanted: Wanted) -> Manifest:
        """Have a version on the volume and point `current` at it; a version that is there is not fetched.

        Whatever goes wrong, `current` and the version that it names stay as they are.
        """
        self.place.prepare()
        with self.place.lock(self.stop):
            name = wanted.manifest.version
            manifest = self._same(wanted, self.place.installed(name)) or self._fetch(wanted)
            if self.place.current() != name:
                self.place.flip(name)
                log.info("version is current", extra={"model": self.model, "version": name})
            return manifest

    def collect(self, needed: set[str]) -> None:
        """Remove versions that are old and not `needed`."""
        with self.place.lock(self.stop):
            for name in self.place.collect(self.keep.versions, needed, self.keep.grace):
                log.info("old version removed", extra={"model": self.model, "version": name})

    def _same(self, wanted: Wanted, there: Manifest | None) -> Manifest | None:
        """A store that was made anew may give an old name to something else."""
        if there is None or wanted.plain or there.digest == wanted.manifest.digest:
            return there
        raise IntegrityError(
            f"version {wanted.manifest.version!r} is on the volume with another content than in "
            f"{self.source.url}: publish under a new name, or remove it from {self.place.path}"
        )

    def _fetch(self, wanted: Wanted) -> Manifest:
        name, began = wanted.manifest.version, time.monotonic()
        about = {"model": self.model, "version": name}
        log.info("fetching", extra=about | {"bytes": wanted.manifest.bytes})
        folder, ways = self.place.staging(name), Counter[str]()

        def count(way: str, moved: int) -> None:
            ways[way] += moved
            self.count(way, moved)

        memory.keep(2 * RANGE_BYTES)
        manifest = Stage(folder, self.place.have(), count, self.stop).fill(self.source, wanted)
        if wanted.plain and self.wanted(wanted) is not None:
            raise SourceChanged(f"{self.source.url} changed while it was read")
        self.place.install(folder, name)
        memory.trim()
        seconds = round(time.monotonic() - began, 3)
        log.info("fetched", extra=about | dict(ways) | {"seconds": seconds})
        return manifest
