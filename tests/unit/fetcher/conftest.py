"""What unit tests of the fetcher share."""

from pathlib import Path

import pytest


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The root of a model in a store that is a directory; nothing is there yet."""
    return tmp_path / "store" / "digits"


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """Where models go; not there yet."""
    return tmp_path / "volume"
