"""Progress bars on a terminal, nothing otherwise."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from model_fetcher.sources.base import Progress


@contextmanager
def bar(label: str, total: int) -> Iterator[Progress]:
    """A bar on stderr over `total` bytes; the value is called with the bytes moved since the last call."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    # Imported late: a sidecar never draws.
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn(label), BarColumn(), DownloadColumn(binary_units=True), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=total or None)
        yield lambda count: progress.update(task, advance=count)
