"""How hypothesis tries things, in all tests."""

import os
from pathlib import Path

from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

set_hypothesis_home_dir(Path(__file__).parents[1] / ".cache" / "hypothesis")
# A busy machine is no failure, and a build tries the same each time: what it finds is found again.
settings.register_profile("tests", deadline=None, database=None, derandomize="CI" in os.environ)
settings.load_profile("tests")
