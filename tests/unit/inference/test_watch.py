"""Watching the volume, and what is left where the system lets nothing be watched."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from watchdog.observers import Observer

from inference.models.watch import Watch
from servers import eventually
from volumes import Volume


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    """A volume with one model."""
    volume = Volume(tmp_path / "volume")
    volume.add("a", "v1", None)
    volume.point("a", "v1")
    return volume


def test_wakes_for_a_link_that_is_replaced_again_and_again(volume: Volume) -> None:
    woken: list[str] = []
    watch = Watch(volume.root, lambda: woken.append("woken"))
    watch.refresh()
    for _ in range(3):
        woken.clear()
        volume.point("a", "v1")
        eventually(lambda: woken, "woken")
    watch.stop()


def test_wakes_for_a_model_that_comes_and_forgets_one_that_goes(volume: Volume) -> None:
    woken: list[str] = []
    watch = Watch(volume.root, lambda: woken.append("woken"))
    watch.refresh()
    volume.add("b", "v1", None)
    eventually(lambda: woken, "woken")
    watch.refresh()
    assert set(watch._watched) == {volume.root, volume.root / "a", volume.root / "b"}
    (volume.root / "a").rename(volume.root.parent / "gone")
    watch.refresh()
    assert set(watch._watched) == {volume.root, volume.root / "b"}
    watch.stop()


class Fails:
    """An observer of which some method fails."""

    def __init__(self, method: str, error: Exception) -> None:
        """Let that method raise that error; the constructor is a method, too."""
        self._method, self._error = method, error
        self.daemon = False
        self._fail("__init__")

    def _fail(self, method: str) -> None:
        if method == self._method:
            raise self._error

    def start(self) -> None:
        """Start the thread."""
        self._fail("start")

    def schedule(self, handler: Any, path: str, *, recursive: bool) -> str:
        """Watch a directory."""
        self._fail("schedule")
        return path

    def unschedule(self, watch: str) -> None:
        """Watch it no longer."""
        self._fail("unschedule")

    def stop(self) -> None:
        """Stop."""


@pytest.mark.parametrize(
    ("method", "warnings"),
    [
        ("__init__", ["no events, only polling"]),
        ("start", ["no events, only polling"]),
        ("schedule", ["cannot watch a directory; polling finds its changes"] * 2),
        ("unschedule", []),
    ],
)
@pytest.mark.parametrize(
    "error", [OSError(24, "inotify instance limit reached"), RuntimeError("can't start new thread")]
)
def test_without_inotify_it_warns_once_and_goes_on(
    volume: Volume, caplog: pytest.LogCaptureFixture, method: str, warnings: list[str], error: Exception
) -> None:
    make: Callable[[], Any] = lambda: Fails(method, error)  # noqa: E731
    watch = Watch(volume.root, lambda: None, make)
    watch.refresh()
    (volume.root / "a").rename(volume.root.parent / "gone")
    for _ in range(2):
        watch.refresh()
    watch.stop()
    assert [record.message for record in caplog.records] == warnings


def test_tells_when_the_volume_cannot_be_read(tmp_path: Path) -> None:
    watch = Watch(tmp_path / "absent", lambda: None, Observer)
    with pytest.raises(OSError, match="No such file"):
        watch.refresh()
    watch.stop()
