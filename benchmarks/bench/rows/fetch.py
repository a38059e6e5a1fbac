"""Bringing 512 MiB from Azurite to disk with the hash checked, beside rclone and the SDK's default."""

import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from bench import setup
from bench.processes import Command
from bench.results import OURS, Budget, Result
from bench.setup import Unavailable
from bench.stats import ratio
from bench.store import ACCOUNT, CONTAINER, KEY, Store, azurite, run
from bench.turns import Bench

RCLONE, SDK = "rclone", "SDK, one connection"
BOUNDS = {RCLONE: 1.0, SDK: 3.0}
MEBIBYTES = 512
_REMOTE = f":azureblob:{CONTAINER}/rclone/model.onnx"
_SECONDS = 300


def fetch(bench: Bench) -> list[Result]:
    """MiB/s of whole programs, from their start to their end."""
    work = bench.work("fetch")
    bundle = work / "bundle"
    bundle.mkdir()
    (bundle / "model.onnx").write_bytes(np.random.default_rng(1).bytes(MEBIBYTES * 2**20))
    with azurite(work) as store:
        store.publish(bundle, "v1")
        targets: dict[str, Callable[[Path], float]] = {OURS: partial(_ours, store)}
        missing: dict[str, str] = {}
        try:
            # As rclone stores it, with the MD5 that it compares afterwards.
            run(_copy(store, str(bundle / "model.onnx"), _REMOTE), _SECONDS)
            targets[RCLONE] = partial(_rclone, store)
        except Unavailable as reason:
            missing[RCLONE] = str(reason)
        targets[SDK] = partial(_sdk, store)
        turns = bench.interleaved(targets, work)
    samples = turns.frozen()
    budgets = tuple(
        Budget(f"{OURS} / {name}", ratio(samples[OURS], samples[name]), bound)
        for name, bound in BOUNDS.items()
        if OURS in samples and name in samples
    )
    title = f"Fetching {MEBIBYTES} MiB from Azurite, hash checked"
    notes = (
        "Ours compares the SHA-256, rclone the MD5, the SDK's loop the SHA-256; ours alone syncs to disk.",
    )
    shutil.rmtree(work / "blobs", ignore_errors=True)
    return [Result("fetch", title, "MiB/s", samples, True, missing | turns.missing, budgets, notes)]


def _timed(command: Command, place: Path) -> float:
    place.mkdir()
    _warm(place / "warm")
    began = time.perf_counter()
    run(command, _SECONDS)
    rate = MEBIBYTES / (time.perf_counter() - began)
    sizes = {path.stat().st_size for path in place.rglob("model.onnx") if path.is_file()}
    shutil.rmtree(place)
    if sizes != {MEBIBYTES * 2**20}:
        raise Unavailable(f"{Path(command.words[0]).name} brought files of {sorted(sizes)} bytes.")
    return rate


def _warm(path: Path) -> None:
    """Let a virtual machine get the memory of the page cache: the first program would wait for it."""
    with path.open("wb") as file:
        for _ in range(MEBIBYTES):
            file.write(bytes(2**20))
    path.unlink()


def _ours(store: Store, work: Path) -> float:
    place = work / "volume"
    return _timed(store.fetcher("fetch", store.source, "--volume", str(place)), place)


def _sdk(store: Store, work: Path) -> float:
    place = work / "place"
    words = (str(setup.fetcher() / "python"), str(setup.HERE / "tools/sdk.py"), CONTAINER, str(place))
    told = {"AZURE_STORAGE_CONNECTION_STRING": store.connection_string}
    return _timed(Command(words, setup.environment(told)), place)


def _rclone(store: Store, work: Path) -> float:
    place = work / "place"
    return _timed(_copy(store, _REMOTE, f"{place}/model.onnx"), place)


def _copy(store: Store, source: str, to: str) -> Command:
    """Copying a file with rclone's defaults; raises Unavailable when it cannot be installed."""
    program = str(setup.venv(setup.HERE / "tools/rclone") / "rclone")
    flags = ("--azureblob-account", ACCOUNT, "--azureblob-key", KEY, "--azureblob-endpoint", store.url)
    return Command((program, "--config", "", "copyto", source, to, *flags), setup.environment({}))
