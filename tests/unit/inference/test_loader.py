"""The thread that follows the links of a volume."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import models
from inference.errors import ApiError, BadRequest, Refused, Unavailable
from inference.models.changes import LoadContext
from inference.models.gate import check
from inference.models.loader import Loader
from inference.models.registry import Registry
from inference.models.verdict import Task, Verdict, refused
from servers import eventually
from volumes import Volume

from .conftest import SINGLE


class Checker:
    """Checks versions at once, but for the models that are `endless`: their checks run until cancelled."""

    def __init__(self) -> None:
        """Start with none that is endless."""
        self.endless: set[str] = set()
        self.started: list[str] = []
        self.cancelled: list[str] = []

    def start(self, key: str, task: Task, done: Callable[[Verdict], None]) -> "Running":
        """Check a version."""
        model, version = task.directory.parents[1].name, task.directory.name
        self.started.append(f"{model} {version}")
        if model not in self.endless:
            try:
                verdict = check(task)
            except Refused as error:
                verdict = refused(str(error))
            done(verdict)
        return Running(self, f"{model} {version}")

    def stop(self) -> None:
        """End nothing."""


class Running:
    """A check of one version."""

    def __init__(self, checker: Checker, what: str) -> None:
        """Report to the checker."""
        self._checker, self._what = checker, what

    def cancel(self) -> None:
        """Note it."""
        self._checker.cancelled.append(self._what)


class Bench:
    """A loader that runs, on a volume of its own."""

    def __init__(self, root: Path, *expected: str) -> None:
        """Do not start yet."""
        root.mkdir()
        self.volume = Volume(root)
        self.checker = Checker()
        self.registry = Registry(expected)
        context = LoadContext(SINGLE, 10_000, self.checker, 60)
        self.loader = Loader(root, self.registry, context)
        self._thread = threading.Thread(target=self.loader.run, args=(3600,))

    def publish(self, model: str, version: str, make: Callable[[Path], None] = models.add) -> None:
        """Add a version, and point its model at it."""
        self.volume.add(model, version, make)
        self.volume.point(model, version)
        self.loader.wake()

    def start(self) -> "Bench":
        """Start the thread."""
        self._thread.start()
        return self

    def wait(self, model: str, version: str) -> None:
        """Wait until a version is active."""
        eventually(lambda: self.version(model) == version, f"{model} {version}")

    def version(self, model: str) -> str:
        """Return the active version of a model, empty for none."""
        served = self.registry.available(model)
        return served.version if served else ""

    def reason(self, model: str) -> str:
        """Wait until a version of a model is refused, and return why."""

        def why() -> str | None:
            entry = self.registry.entries().get(model)
            return entry.refusal.reason if entry and entry.refusal else None

        return str(eventually(why, "refused"))

    def stop(self) -> None:
        """End the thread."""
        self.loader.stop()
        if self._thread.ident:
            self._thread.join()


def broken(path: Path) -> None:
    """Write what is no model."""
    path.write_bytes(b"no model")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A loader that was not started."""
    bench = Bench(tmp_path / "volume")
    yield bench
    bench.stop()


def test_a_check_that_never_ends_holds_up_no_other_model(bench: Bench) -> None:
    bench.checker.endless = {"a"}
    bench.publish("a", "v1")
    bench.publish("b", "v1")
    bench.start()
    for version in ("v1", "v2", "v3"):
        if version != "v1":
            bench.publish("b", version)
        bench.wait("b", version)
    assert bench.registry.entry("a").loading == "v1"


def test_is_ready_once_all_models_of_the_start_have_arrived(bench: Bench) -> None:
    bench.checker.endless = {"a"}
    bench.publish("a", "v1")
    bench.publish("b", "v1")
    bench.start().wait("b", "v1")
    assert bench.registry.unready_reason() == "loading: 'a': version 'v1' is loading"
    bench.checker.endless = set()
    bench.publish("a", "v2")
    bench.wait("a", "v2")
    eventually(bench.registry.ready, "ready")
    bench.checker.endless = {"c"}
    bench.publish("c", "v1")
    eventually(lambda: "c" in bench.registry.entries(), "c is seen")
    assert bench.registry.ready()


def test_a_model_that_is_refused_at_the_start_does_not_keep_others_from_traffic(bench: Bench) -> None:
    bench.publish("a", "v1", broken)
    bench.publish("b", "v1")
    bench.start()
    eventually(bench.registry.ready, "ready")
    assert "onnxruntime cannot load it" in bench.reason("a")


def test_the_newest_version_wins_and_the_check_of_the_other_is_cancelled(bench: Bench) -> None:
    bench.checker.endless = {"a"}
    bench.publish("a", "v1")
    bench.start()
    eventually(lambda: bench.checker.started == ["a v1"], "v1 is checked")
    bench.checker.endless = set()
    bench.publish("a", "v2")
    bench.wait("a", "v2")
    assert bench.checker.cancelled == ["a v1"]


def test_a_link_that_is_back_at_the_active_version_cancels_the_check(bench: Bench) -> None:
    bench.publish("a", "v1")
    bench.start().wait("a", "v1")
    bench.checker.endless = {"a"}
    bench.publish("a", "v2")
    eventually(lambda: "a v2" in bench.checker.started, "v2 is checked")
    bench.volume.point("a", "v1")
    bench.loader.wake()
    eventually(lambda: bench.checker.cancelled == ["a v2"], "v2 is dropped")
    eventually(lambda: bench.registry.entry("a").loading is None, "nothing loads")
    assert bench.version("a") == "v1"


@pytest.mark.parametrize("name", ["v 1", "v1\nX-Evil: 1", ".hidden", "ä", "-v1", "v" * 129])
def test_refuses_a_version_whose_name_breaks_the_contract(bench: Bench, name: str) -> None:
    bench.publish("a", "v1")
    bench.start().wait("a", "v1")
    bench.publish("a", name)
    assert bench.reason("a") == f"its directory is called {name!r}, which is no name of a version"
    assert bench.checker.started == ["a v1"]
    assert bench.version("a") == "v1"


def test_accepts_the_longest_name_of_a_version(bench: Bench) -> None:
    bench.publish("a", "v" * 128)
    bench.start().wait("a", "v" * 128)


def test_a_load_waits_for_its_own_check(bench: Bench) -> None:
    bench.publish("a", "v1")
    bench.start().wait("a", "v1")
    bench.loader.control("a", load=False)
    assert bench.version("a") == ""
    bench.loader.control("a", load=True)
    assert bench.version("a") == "v1"


def test_a_load_is_told_why_its_version_is_refused(bench: Bench) -> None:
    bench.publish("a", "v1", broken)
    bench.start()
    for _ in range(2):
        with pytest.raises(BadRequest, match=r"'v1' was refused: model\.onnx: onnxruntime cannot load it"):
            bench.loader.control("a", load=True)


@contextmanager
def waiting_load(bench: Bench, error: type[ApiError]) -> Iterator[list[str]]:
    """Load `a` in another thread during the block; the list gets the message of the error that ends it."""
    told: list[str] = []

    def load() -> None:
        with pytest.raises(error) as caught:
            bench.loader.control("a", load=True)
        told.append(caught.value.message)

    client = threading.Thread(target=load)
    client.start()
    eventually(lambda: bench.loader._waiting, "it waits")
    yield told
    client.join()


def test_a_load_that_the_end_of_the_server_interrupts_is_told_so(bench: Bench) -> None:
    bench.checker.endless = {"a"}
    bench.publish("a", "v1")
    bench.start()
    with waiting_load(bench, Unavailable) as told:
        bench.stop()
    assert told == ["the server stops"]


def test_an_unload_cancels_the_check_and_answers_who_waits_for_it(bench: Bench) -> None:
    bench.checker.endless = {"a"}
    bench.publish("a", "v1")
    bench.start()
    with waiting_load(bench, BadRequest) as told:
        bench.loader.control("a", load=False)
    assert "was unloaded" in told[0]
    assert bench.checker.cancelled == ["a v1"]


def test_counts_what_happens_to_models(bench: Bench) -> None:
    happened: list[str] = []

    class Events:
        def loaded(self, model: str, seconds: float) -> None:
            happened.append(f"loaded {model}")

        def rejected(self, model: str) -> None:
            happened.append(f"rejected {model}")

        def forgotten(self, model: str, version: str) -> None:
            happened.append(f"forgotten {model} {version}")

    context = LoadContext(SINGLE, 10_000, bench.checker, 60, events=Events())
    bench.loader = Loader(bench.volume.root, bench.registry, context)
    bench._thread = threading.Thread(target=bench.loader.run, args=(3600,))
    bench.publish("a", "v1")
    bench.start().wait("a", "v1")
    for version in ("v2", "v3"):
        bench.publish("a", version)
        bench.wait("a", version)
    bench.publish("a", "v4", broken)
    bench.reason("a")
    assert happened == ["loaded a", "loaded a", "forgotten a v1", "loaded a", "rejected a"]
