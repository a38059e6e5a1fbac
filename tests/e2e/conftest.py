"""Nothing here runs without E2E=1, KUBECONFIG, helm, kubectl and images in the cluster: `make e2e`."""

import os
import shutil
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))
os.environ["PATH"] = f"{ROOT / '.venv/bin'}:{os.environ['PATH']}"

collect_ignore_glob = [] if os.environ.get("E2E") else ["test_*.py"]

if os.environ.get("E2E"):
    from e2e.kube import Namespace, look_around, namespace, nodes, run
    from e2e.release import Release
    from e2e.store import Store

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Show pods, events and logs below a failure: the namespaces are gone before anybody can look."""
        report = yield
        if report.failed:
            report.sections.append(("the cluster", look_around()))
        return report

    @pytest.fixture(scope="session")
    def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
        """Train two models that work and one that does not."""
        place = tmp_path_factory.mktemp("bundles")
        for name, options in {"1": ["--seed=1"], "2": ["--seed=2"], "broken": ["--broken"]}.items():
            run(sys.executable, ROOT / "examples/digits/train.py", place / name, *options)
        return place

    @pytest.fixture(scope="session")
    def store(bundles: Path) -> Iterator[Store]:
        """Azurite in the cluster, with version v1 of the model."""
        for tool in ("kubectl", "helm"):
            assert shutil.which(tool), f"{tool} is needed"
        image = os.environ.get("AZURITE_IMAGE")
        assert image, "name Azurite's image in AZURITE_IMAGE"
        with namespace("e2e-store") as place:
            place.apply("azurite.yaml", IMAGE=image, NODE={"kubernetes.io/hostname": nodes()[0]})
            place.rollout("azurite")
            store = Store(place, bundles)
            store.create()
            store.publish("1", "v1")
            yield store

    @pytest.fixture(scope="module")
    def place(request: pytest.FixtureRequest) -> Iterator[Namespace]:
        """A namespace of its own for each module."""
        name = request.module.__name__.rpartition(".")[2].removeprefix("test_").replace("_", "-")
        with namespace(f"e2e-{name}") as one:
            yield one

    @pytest.fixture(scope="module")
    def release(place: Namespace, store: Store) -> Release:
        """The release of a module, with its secret, not yet installed."""
        one = Release(place, store)
        one.secret(store.inside)
        return one
