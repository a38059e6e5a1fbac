"""A directory as a store: `file:///dir/digits`. For laptops, tests, network shares and air-gapped sites."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISREG

from model_fetcher.errors import AccessDenied, Conflict, IntegrityError, SourceChanged, StoreError
from model_fetcher.manifest import File
from model_fetcher.sources.base import Document, NoSuchBlob, Progress

_SCRATCH = ".tmp"
_COPY_BYTES = 8 << 20


class FileSource:
    """One directory (or file) as the root of a model. The ETag is made of time, size and inode."""

    def __init__(self, root: Path) -> None:
        self.url = root.as_uri()
        self._root = root

    def read(self, path: str, unless: str = "") -> Document | None:
        """See Source.read."""
        with _errors(f"read {path!r} of {self.url}"), self._open(path) as fd:
            etag = _etag(os.fstat(fd))
            if etag == unless:
                return None
            return Document(os.read(fd, os.fstat(fd).st_size), etag)

    def list(self, prefix: str = "") -> list[File]:
        """See Source.list. Hidden files at the root, our own scratch among them, are left out."""
        with _errors(f"list {self.url}"):
            return sorted(self._walk(prefix), key=lambda file: file.path)

    def stat(self, path: str) -> File:
        """See Source.stat."""
        with _errors(f"look at {path!r} of {self.url}"), self._open(path) as fd:
            status = os.fstat(fd)
            return File(path, status.st_size, etag=_etag(status))

    def read_range(self, path: str, etag: str, offset: int, length: int) -> bytes:
        """See Source.read_range. The ETag is compared after the read, since a writer may come in between."""
        with _errors(f"read {path!r} of {self.url}"), self._open(path) as fd:
            data = os.pread(fd, length, offset)
            if etag and _etag(os.fstat(fd)) != etag:
                raise SourceChanged(f"{path!r} of {self.url} changed while it was read")
            return data

    def create(self, path: str, file: Path, progress: Progress) -> None:
        """See Source.create: a link from a finished copy, which fails if the name is taken."""
        with _errors(f"write {path!r} to {self.url}"), file.open("rb") as source, self._scratch() as copy:
            while block := source.read(_COPY_BYTES):
                copy.write(block)
                progress(len(block))
            self._publish(copy, path)

    def write(self, path: str, data: bytes, replacing: str) -> None:
        """See Source.write: compared and replaced under a lock that every publisher takes."""
        target = self._root / path
        with _errors(f"write {path!r} to {self.url}"), self._scratch() as copy, self._lock():
            copy.write(data)
            if not replacing:
                self._publish(copy, path)
                return
            if not target.exists() or _etag(target.stat()) != replacing:
                raise Conflict(f"{path!r} of {self.url} was changed by somebody else: try again")
            _sync(copy)
            os.replace(copy.name, target)

    def close(self) -> None:
        """Nothing is held open."""

    def _publish(self, copy: "tempfile._TemporaryFileWrapper[bytes]", path: str) -> None:
        _sync(copy)
        target = self._root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(copy.name, target)
        except FileExistsError:
            raise Conflict(f"{path!r} of {self.url} is there already") from None

    @contextmanager
    def _open(self, path: str) -> Iterator[int]:
        target = (self._root / path) if path else self._root
        # A link in the store must not make the fetcher deliver what lies outside of it.
        if path and not target.resolve().is_relative_to(self._root.resolve()):
            raise IntegrityError(
                f"{path!r} of {self.url} is a link out of the source: replace it by the file"
            )
        fd = os.open(target, os.O_RDONLY | os.O_NONBLOCK)
        try:
            if not S_ISREG(os.fstat(fd).st_mode):
                raise IsADirectoryError
            yield fd
        finally:
            os.close(fd)

    def _walk(self, prefix: str) -> Iterator[File]:
        start = self._root / prefix.rpartition("/")[0]
        for folder, folders, names in os.walk(start, onerror=_unless_absent):
            if folder == str(self._root):
                folders[:] = [name for name in folders if not name.startswith(".")]
                names = [name for name in names if not name.startswith(".")]
            for name in names:
                full = Path(folder, name)
                path = full.relative_to(self._root).as_posix()
                if path.startswith(prefix) and full.is_file():
                    status = full.stat()
                    yield File(path, status.st_size, etag=_etag(status))

    @contextmanager
    def _scratch(self) -> Iterator["tempfile._TemporaryFileWrapper[bytes]"]:
        if self._root.is_file():
            raise StoreError(f"{self.url} is a single file, no place for versions: publish to a directory")
        folder = self._root / _SCRATCH
        folder.mkdir(parents=True, exist_ok=True)
        copy = tempfile.NamedTemporaryFile(dir=folder, delete=False)  # noqa: SIM115
        try:
            os.chmod(copy.name, 0o644)
            yield copy
        finally:
            copy.close()
            Path(copy.name).unlink(missing_ok=True)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with (self._root / _SCRATCH / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


@contextmanager
def _errors(doing: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise NoSuchBlob(f"cannot {doing}: it is not there") from error
    except PermissionError as error:
        raise AccessDenied(f"cannot {doing}: {error.strerror}; check owner and mode") from error
    except OSError as error:
        raise StoreError(f"cannot {doing}: {error.strerror or error}") from error


def _unless_absent(error: OSError) -> None:
    # What may not be read must not look like a smaller bundle.
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error


def _etag(status: os.stat_result) -> str:
    return f"{status.st_mtime_ns:x}-{status.st_size:x}-{status.st_ino:x}"


def _sync(copy: "tempfile._TemporaryFileWrapper[bytes]") -> None:
    copy.flush()
    os.fsync(copy.fileno())
