"""One model's place on the volume; docs/contract.md has the layout.

current -> versions/<version>
versions/<version>/manifest.json, …
.staging/<version>/…
.lock
"""

import fcntl
import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from model_fetcher.errors import IntegrityError, Stopped, VolumeError
from model_fetcher.manifest import MANIFEST, Manifest, parse_manifest
from model_fetcher.staging import disk_errors, sync_folder

log = logging.getLogger(__name__)
_LOCK_POLL = 0.2
# No version has this name: names begin with a letter or a digit.
_GONE = ".gone"


@dataclass(frozen=True, slots=True)
class ModelDir:
    """The directory `<volume>/<model>`."""

    path: Path

    @property
    def _link(self) -> Path:
        return self.path / "current"

    @property
    def _versions(self) -> Path:
        return self.path / "versions"

    def prepare(self) -> None:
        """Make the directories; raises VolumeError if that cannot be, or if a stranger is in the way."""
        if os.path.lexists(self._link) and not self._link.is_symlink():
            raise VolumeError(
                f"{self._link} is not a link, so something else keeps this directory: "
                "give the fetcher a directory of its own, or another --model"
            )
        with disk_errors(self.path):
            self._versions.mkdir(parents=True, exist_ok=True)
            (self.path / ".staging").mkdir(exist_ok=True)

    @contextmanager
    def lock(self, stop: Event) -> Iterator[None]:
        """Be the only one that writes here: a node's cache may serve the fetchers of several pods."""
        with disk_errors(self.path), (self.path / ".lock").open("w") as file:
            if not _try_lock(file.fileno()):
                log.info("another fetcher writes here; waiting for it", extra={"directory": str(self.path)})
                while not _try_lock(file.fileno()):
                    if stop.wait(_LOCK_POLL):
                        raise Stopped
            yield

    def current(self) -> str | None:
        """The version that the link names, if it is there."""
        try:
            target = Path(os.readlink(self._link))
        except OSError:
            return None
        # A link of another shape is not ours: the next flip replaces it.
        ours = target == Path("versions", target.name) and (self.path / target).exists()
        return target.name if ours else None

    def installed(self, version: str) -> Manifest | None:
        """The manifest of a version on the volume, None if it is not there or has lost files.

        Raises VolumeError if a directory of that name is not ours.
        """
        folder = self._versions / version
        if not folder.exists():
            return None
        try:
            manifest = parse_manifest((folder / MANIFEST).read_bytes(), str(folder / MANIFEST))
        except (OSError, IntegrityError) as error:
            raise VolumeError(f"{folder} was not made by the fetcher ({error}): remove it") from error
        return manifest if all(_has_size(folder / file.path, file.bytes) for file in manifest.files) else None

    def staging(self, version: str) -> Path:
        """Where a version is brought together. Those of other versions are given up."""
        for other in (self.path / ".staging").iterdir():
            if other.name != version:
                shutil.rmtree(other, ignore_errors=True)
        return self.path / ".staging" / version

    def have(self) -> dict[str, Path]:
        """The files of the installed versions by their sha256."""
        found = {}
        for version in self.versions():
            with suppress(VolumeError):
                manifest = self.installed(version)
                files = manifest.files if manifest else ()
                found.update({file.sha256: self._versions / version / file.path for file in files})
        return found

    def install(self, stage: Path, version: str) -> None:
        """Give a complete staging directory its name, in place of one that has lost files."""
        with disk_errors(self.path):
            if (self._versions / version).exists():
                self._remove(version)
            os.rename(stage, self._versions / version)
            sync_folder(self._versions)

    def flip(self, version: str) -> None:
        """Point `current` at an installed version, in one step for whoever looks."""
        with disk_errors(self.path):
            before = self.current()
            if before and before != version:
                # The clock of `collect` starts when a version stops being current; it survives a restart.
                os.utime(self._versions / before)
            temporary = self.path / ".current"
            temporary.unlink(missing_ok=True)
            # Relative: the reader may mount the volume elsewhere.
            temporary.symlink_to(Path("versions", version))
            os.replace(temporary, self._link)
            sync_folder(self.path)

    def versions(self) -> list[str]:
        """The versions on the volume that are ours, the last used first."""
        if not self._versions.is_dir():
            return []
        ours = [entry for entry in self._versions.iterdir() if (entry / MANIFEST).is_file()]
        return [entry.name for entry in sorted(ours, key=lambda e: e.stat().st_mtime, reverse=True)]

    def collect(self, keep: int, needed: set[str], grace: float, now: float | None = None) -> list[str]:
        """Remove old versions and return their names.

        The `keep` last used stay, and what is `needed`, and what was current less than `grace` seconds
        ago: a server may still be loading it.
        """
        now = time.time() if now is None else now
        current = self.current()
        stay = needed | ({current} if current else set())
        old = [version for version in self.versions() if version not in stay][max(keep - 1, 0) :]
        gone = [v for v in old if now - (self._versions / v).stat().st_mtime > grace]
        for version in gone:
            self._remove(version)
        return gone

    def _remove(self, version: str) -> None:
        # Renamed first: a kill in between must not leave half a version under its name.
        with disk_errors(self.path):
            shutil.rmtree(self.path / ".staging" / _GONE, ignore_errors=True)
            os.rename(self._versions / version, self.path / ".staging" / _GONE)
            shutil.rmtree(self.path / ".staging" / _GONE)


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _has_size(path: Path, size: int) -> bool:
    with suppress(OSError):
        return path.stat().st_size == size
    return False
