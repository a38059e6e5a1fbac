"""Who is measured: our server, and a server for each peer, all with one model called `model`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from bench import setup
from bench.processes import Command
from bench.volume import Volume

INFER = "/v2/models/model/infer"
NO_RAW = "It takes no raw tensors over HTTP."


@dataclass(frozen=True, slots=True)
class Request:
    """A POST that is sent again and again."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Peer:
    """One of benchmarks/peers: its directory, how it is started there, and how it takes raw tensors."""

    name: str
    directory: str
    command: tuple[str, ...] = ("python", "server.py")
    raw: str | None = "body"
    """`v2`: the binary extension, `body`: the tensor as the body, None: not at all."""


PEERS = (
    Peer("FastAPI by hand", "fastapi"),
    Peer("Triton", "triton", raw="v2"),
    Peer("MLServer", "mlserver", raw=None),
    Peer("KServe", "kserve", raw="v2"),
    Peer("BentoML", "bentoml", ("bentoml", "serve", "server:Served", "--port", "{port}"), raw=None),
    Peer("LitServe", "litserve", raw=None),
    Peer("Ray Serve", "rayserve"),
)


def ours(model: Path, work: Path, port: int, *options: str) -> Command:
    """Our server with its defaults but for what is given, on a volume with one version `v1` of a bundle."""
    volume = Volume(work / "volume")
    if not volume.current.exists():
        volume.add("v1", model)
        volume.point("v1")
    return serve(volume, port, *options)


def serve(volume: Volume, port: int, *options: str) -> Command:
    """`inference serve` on a volume, with its defaults but for what is given."""
    flags = ["--volume", str(volume.directory), "--host", "127.0.0.1", "--port", str(port)]
    flags += ["--admin-port", "0", "--drain-wait", "0s"]
    return Command((str(setup.BIN / "inference"), "serve", *flags, *options), setup.environment({}))


def peer(which: Peer, model: Path, processes: int, inline: bool, port: int) -> Command:
    """The server of a peer; raises Unavailable when it cannot be installed."""
    here = setup.HERE / "peers" / which.directory
    bin_ = setup.venv(here)
    program, *rest = (word.format(port=port) for word in which.command)
    told = {
        "MODEL": str(model / "model.onnx"),
        "PORT": str(port),
        "PROCESSES": str(processes),
        "INLINE": str(int(inline)),
    }
    quiet = {"BENTOML_DO_NOT_TRACK": "True", "RAY_USAGE_STATS_ENABLED": "0", "PYTHONWARNINGS": "ignore"}
    environment = setup.environment(told | quiet)
    environment["PATH"] = f"{bin_}:{environment['PATH']}"
    return Command((str(bin_ / program), *rest), environment, here)


def json_request(tensor: NDArray[np.float32], name: str) -> Request:
    """The request of v2 with the data as JSON numbers, as all targets take it."""
    given = {"name": name, "datatype": "FP32", "shape": tensor.shape, "data": tensor.ravel()}
    body = orjson.dumps({"inputs": [given]}, option=orjson.OPT_SERIALIZE_NUMPY)
    return Request(INFER, {"Content-Type": "application/json"}, body)


def raw_request(tensor: NDArray[np.float32], name: str, form: str | None) -> Request:
    """The request with the data as bytes, in the form that a target takes; raises Unavailable if in none."""
    data = tensor.tobytes()
    octets = {"Content-Type": "application/octet-stream"}
    if form is None:
        raise setup.Unavailable(NO_RAW)
    if form == "body":
        return Request("/raw", octets, data)
    size = {"binary_data_size": len(data)}
    given = {"name": name, "datatype": "FP32", "shape": tensor.shape, "parameters": size}
    head = orjson.dumps({"inputs": [given], "parameters": {"binary_data_output": True}})
    return Request(INFER, octets | {"Inference-Header-Content-Length": str(len(head))}, head + data)
