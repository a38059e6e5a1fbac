"""What our layers add to the base image, where the images have been built."""

import os
import re
import subprocess

from bench.results import Budget, Result
from bench.setup import ROOT
from bench.turns import Bench

BOUNDS = {"inference": 130.0, "model-fetcher": 70.0}
_SAYS = re.compile(r"adds (\d+) MB to its base")
_NONE = "There is no image of it: make images."


def images(bench: Bench) -> list[Result]:
    """Megabytes (10^6 bytes) by scripts/image-size.sh, as `make images` checks them."""
    samples, missing, budgets = {}, {}, []
    for name, bound in BOUNDS.items():
        size = _size(name)
        if size is None:
            missing[name] = _NONE
        else:
            samples[name] = (size,)
            budgets.append(Budget(f"{name}, MB", size, bound, at_least=False))
        bench.say(f"image {name}: {missing.get(name, f'{size} MB')}")
    title = "What our layers add to the base image"
    return [Result("images", title, "MB", samples, False, missing, tuple(budgets))]


def _size(name: str) -> float | None:
    builder, registry, tag = (os.environ.get(key, "") for key in ("BUILDER", "REGISTRY", "TAG"))
    if not builder:
        return None
    words = [str(ROOT / "scripts/image-size.sh"), builder, f"{registry}/{name}:{tag}", str(int(BOUNDS[name]))]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    match = _SAYS.search(done.stdout)
    return float(match[1]) if match else None
