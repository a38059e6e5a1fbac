"""What needs more than Python runs only when it is asked for: the targets test-… of make/release.mk."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

TRAIN = Path(__file__).parents[2] / "examples/digits/train.py"
WANTED = {
    "engine": "a Docker engine: make test-compose",
    "registry": "a registry, a builder, Helm and a cluster: make test-release",
}


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, which strict pytest wants."""
    for name, need in WANTED.items():
        config.addinivalue_line("markers", f"{name}: needs {need}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what was not asked for, without a word: it is no part of `make test`."""
    asked = os.environ.get("PIPELINES", "").split()
    left_out = [
        item for item in items for name in WANTED if item.get_closest_marker(name) and name not in asked
    ]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train two models that work, and one that does not."""
    place = tmp_path_factory.mktemp("bundles")
    for name, words in {"1": ["--seed=1"], "2": ["--seed=2"], "broken": ["--seed=3", "--broken"]}.items():
        train = [sys.executable, str(TRAIN), str(place / name), *words]
        subprocess.run(train, check=True, capture_output=True)
    return place
