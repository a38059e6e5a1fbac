"""What unit tests of the fetcher share."""

from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

set_hypothesis_home_dir(Path(__file__).parents[3] / ".cache" / "hypothesis")
# A busy machine is no failure.
settings.register_profile("tests", deadline=None, database=None)
settings.load_profile("tests")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The root of a model in a store that is a directory; nothing is there yet."""
    return tmp_path / "store" / "digits"


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """Where models go; not there yet."""
    return tmp_path / "volume"
