"""Measures what docs/memory.md says: `.venv/bin/python tests/measure_memory.py`, minutes, on a quiet machine.

Each figure comes from a process of its own; what is compared is measured in turns, and the median is shown.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import models
from inference.machine.memory import Growth, anonymous
from inference.models.execution import Execution
from inference.models.model import Model
from inference.models.optimise import take_as_it_is
from servers import Server, eventually, tensor
from volumes import Volume

ROUNDS = 5
SIZES = (4, 16, 64, 256)
MIB = 1 << 20


def load(path: Path, kind: str) -> None:
    """Load a model once; print seconds, and MiB by which anonymous memory grew at most and at last."""
    before, started = anonymous(), time.perf_counter()
    adjust = take_as_it_is if kind in ("copy", "shared") else lambda _: None
    with Growth() as growth:
        model = Model(path, Execution(2 if kind == "shared" else 1), adjust)
        if kind == "shared":
            model.share_cpus()
    took = time.perf_counter() - started
    print(took, growth.peak / MIB, (anonymous() - before) / MIB, len(model.signature.inputs))


def loads(root: Path) -> None:
    """Compare loading of weights inside the model, beside it, and of the optimised copy, once and twice."""
    print("weights MiB | kind | load s | peak MiB | stays MiB")
    for size in SIZES:
        paths = {kind: root / f"{size}-{kind}" / "model.onnx" for kind in ("inside", "beside", "copy")}
        for path in paths.values():
            path.parent.mkdir()
        models.big(paths["inside"], size, 1)
        models.big_beside(paths["beside"], size, 1)
        making = [sys.executable, "-m", "inference.models.optimise"]
        subprocess.run([*making, paths["inside"], paths["copy"].parent], check=True)
        paths["shared"] = paths["copy"]
        results: dict[str, list[list[float]]] = {kind: [] for kind in paths}
        for _ in range(ROUNDS):
            for kind, path in paths.items():
                done = subprocess.run(
                    [sys.executable, __file__, str(path), kind], check=True, capture_output=True, text=True
                )
                results[kind].append([float(word) for word in done.stdout.split()])
        for kind, rows in results.items():
            took, peak, stays = (statistics.median(column) for column in list(zip(*rows, strict=True))[:3])
            print(f"{size:11} | {kind:6} | {took:6.3f} | {peak:8.1f} | {stays:9.1f}")


def making(root: Path) -> None:
    """Compare the answers of a small model while the copy of a large one is made with those afterwards."""
    volume = Volume(root / "volume")
    volume.add("small", "v1", models.classifier)
    volume.add("large", "v1", partial(models.big, mebibytes=256, seed=1))
    for model in ("large", "small"):
        volume.point(model, "v1")
    (root / "cache").mkdir()
    server = Server(volume.root, root / "log", "--cache", str(root / "cache"))
    eventually(lambda: len(server.logged("serving")) == 2, "both serve")
    before = _anonymous(server)
    started, during = time.perf_counter(), []
    while not server.logged("made an optimised copy"):
        during.append(_ask(server))
    seconds = time.perf_counter() - started
    eventually(lambda: server.logged("the optimised copy serves"), "the copy serves")
    after = [_ask(server) for _ in range(len(during))]
    print(
        f"making the copy of 256 MiB: {seconds:.1f} s; anonymous MiB {before:.0f} -> {_anonymous(server):.0f}"
    )
    for name, times in (("meanwhile", during), ("afterwards", after)):
        quantiles = statistics.quantiles(times, n=100)
        print(f"  answers {name}: median {quantiles[49] * 1e3:.2f} ms, p99 {quantiles[98] * 1e3:.2f} ms")
    server.kill()


def _ask(server: Server) -> float:
    started = time.perf_counter()
    picture = tensor("image", "FP32", [1, 1, 8, 8], [0.0] * 64)
    assert server.post("/v2/models/small/infer", {"inputs": [picture]}).status == 200
    return time.perf_counter() - started


def _anonymous(server: Server) -> float:
    status = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("RssAnon")) / 1024


def swaps(root: Path) -> None:
    """Compare resident memory after the first load with that over 20 swaps of 200 MiB."""
    for name, make in (("inside", models.big), ("beside", models.big_beside)):
        volume = Volume(root / f"swaps-{name}")
        for number in (1, 2):
            volume.add("digits", f"v{number}", partial(make, mebibytes=200, seed=number))
        volume.point("digits", "v1")
        server = Server(volume.root, root / f"log-{name}", "--poll", "1h").wait_ready()
        time.sleep(1)
        first, later = _resident(server), []
        for number in range(20):
            version = f"v{2 - number % 2}"
            volume.point("digits", version)
            server.wait_version(version)
            time.sleep(0.5)
            later.append(_resident(server) / first)
        print(f"weights {name}: RSS after each of 20 swaps by that after the first load: "
              f"largest {max(later):.3f}, last {later[-1]:.3f}")  # fmt: skip
        server.kill()


def _resident(server: Server) -> int:
    pages = Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        load(Path(sys.argv[1]), sys.argv[2])
    else:
        with tempfile.TemporaryDirectory() as root:
            for measure in (loads, making, swaps):
                measure(Path(root))
