"""Asks a server many things at once, and checks that each answer is that of its own request.

For each row of x, of four numbers, the model returns y = 2 x + 1, the row's sum, and the version's number.
Each request has numbers of its own, so the answer to another request, row or version shows.

By hand, with as many requests as wanted: `PYTHONPATH=tests .venv/bin/python tests/whose_answer.py 700000`.
"""

import http.client
import json
import random
import socket
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

import models
from servers import DEADLINE_SECONDS, Server
from volumes import Volume

WIDTH, MOST_ROWS, PIPELINED = 4, 4, 8
MODELS = {"apart": None, "shared": {"batching": {"max_batch_size": 16, "max_delay": "1ms"}}}
WAYS = ("kept", "pipelined", "closing")
FORMS = ("json", "binary")
# Numbers up to there, twice and summed up by four, are exact in 32 bits.
_RANGE = 1 << 20
_LENGTH = "Inference-Header-Content-Length"
Rows = NDArray[np.float32]


def teller(path: Path, version: int) -> None:
    """Write the model of a version: y [N, 4] = 2 x + 1, total [N, 1] = the sum of x's row, ver [N, 1]."""
    nodes = [
        helper.make_node("Mul", ["x", "two"], ["double"]),
        helper.make_node("Add", ["double", "one"], ["y"]),
        helper.make_node("ReduceSum", ["x", "axis"], ["total"], keepdims=1),
        helper.make_node("Mul", ["total", "nothing"], ["zeros"]),
        helper.make_node("Add", ["zeros", "version"], ["ver"]),
    ]
    scalars = {"two": 2, "one": 1, "nothing": 0, "version": version}
    constants = [models.weights(name, np.array(number, np.float32)) for name, number in scalars.items()]
    constants.append(models.weights("axis", np.array([1], np.int64)))
    outputs = [
        models.value(name, TensorProto.FLOAT, ["N", width])
        for name, width in (("y", WIDTH), ("total", 1), ("ver", 1))
    ]
    models.save(path, nodes, [models.value("x", TensorProto.FLOAT, ["N", WIDTH])], outputs, constants)


def add(volume: Volume, version: int) -> None:
    """Put a version of both models on the volume, and activate it."""
    for name, serving in MODELS.items():
        volume.add(name, f"v{version}", partial(teller, version=version), serving)
        volume.point(name, f"v{version}")


def rows_of(client: int, number: int) -> Rows:
    """Return the rows [1 to 4, 4] of a client's request, which no other request has."""
    mark = (client * 7919 + number * 104_729) % _RANGE
    each = [[number % _RANGE, client, row, mark] for row in range(1 + mark % MOST_ROWS)]
    return np.array(each, np.float32)


def request(model: str, form: str, identity: str, rows: Rows, *, closing: bool) -> bytes:
    """Write a request as it goes over the wire."""
    given: dict[str, Any] = {"name": "x", "datatype": "FP32", "shape": rows.shape}
    whole: dict[str, Any] = {"id": identity, "inputs": [given]}
    raw, lines = b"", [f"POST /v2/models/{model}/infer HTTP/1.1", "Host: x"]
    if form == "binary":
        raw = rows.tobytes()
        given["parameters"] = {"binary_data_size": len(raw)}
        whole["parameters"] = {"binary_data_output": True}
    else:
        given["data"] = rows.ravel().tolist()
    text = json.dumps(whole).encode()
    if raw:
        lines.append(f"{_LENGTH}: {len(text)}")
    lines += ["Connection: close"] * closing
    lines += [f"Content-Length: {len(text) + len(raw)}", "", ""]
    return "\r\n".join(lines).encode() + text + raw


def outputs(length: int, body: bytes) -> tuple[dict[str, Any], dict[str, Rows]]:
    """Return the JSON of an answer and its outputs; `length` is that of the JSON where tensors follow it."""
    told = json.loads(body[:length])
    found, at = {}, length
    for output in told["outputs"]:
        if "data" in output:
            array = np.array(output["data"], np.float32)
        else:
            size = output["parameters"]["binary_data_size"]
            array = np.frombuffer(body[at : at + size], np.float32)
            at += size
        found[output["name"]] = array.reshape(output["shape"])
    assert at == len(body), "bytes are left over"
    return told, found


def is_right(identity: str, rows: Rows, length: int, body: bytes) -> bool:
    """Tell whether a body is the answer to these rows, whole and of one version."""
    told, found = outputs(length, body)
    version = np.full((len(rows), 1), float(told["model_version"].removeprefix("v")), np.float32)
    wanted = {"y": rows * 2 + 1, "total": rows.sum(1, keepdims=True), "ver": version}
    same = all(np.array_equal(found[name], array) for name, array in wanted.items())
    return bool(told["id"] == identity and same)


@dataclass
class Tally:
    """What came of the requests: how many were answered right, wrong, and with which other status."""

    counts: Counter[str] = field(default_factory=Counter)
    versions: set[str] = field(default_factory=set)
    first: str = ""

    def note(self, identity: str, rows: Rows, status: int, length: int, body: bytes) -> None:
        """Count an answer; the first that is not right is kept as it came."""
        right = status == 200 and is_right(identity, rows, length, body)
        self.counts["right" if right else "wrong" if status == 200 else str(status)] += 1
        if not right and not self.first:
            self.first = f"{identity}, {rows.tolist()}: {status} {body[:500]!r}"


def read(stream: BinaryIO) -> tuple[int, int, bytes]:
    """Read the next answer: its status, the length of its JSON, and its body."""
    status = int(stream.readline().split()[1])
    headers = http.client.parse_headers(stream)
    body = stream.read(int(headers["Content-Length"]))
    return status, int(headers.get(_LENGTH, len(body))), body


class Client:
    """A client of one way to use connections and one form of tensors, which asks both models in turn."""

    def __init__(self, port: int, number: int, way: str, form: str, tally: Tally) -> None:
        """Be client `number`; counts go to `tally`, which is this client's own."""
        self._port, self._number, self._way, self._form, self._tally = port, number, way, form, tally

    def run(self, count: int) -> None:
        """Ask so many times."""
        at_once = PIPELINED if self._way == "pipelined" else 1
        groups = [range(start, min(count, start + at_once)) for start in range(0, count, at_once)]
        if self._way == "closing":
            for group in groups:
                self._exchange([group])
        else:
            self._exchange(groups)

    def _exchange(self, groups: Sequence[range]) -> None:
        """Ask one group after the other on one connection, each in one go."""
        address = ("127.0.0.1", self._port)
        with (
            socket.create_connection(address, timeout=DEADLINE_SECONDS) as connection,
            connection.makefile("rb") as stream,
        ):
            for group in groups:
                asked = list(self._requests(group))
                connection.sendall(b"".join(data for *_, data in asked))
                for identity, rows, _ in asked:
                    self._tally.note(identity, rows, *read(stream))

    def _requests(self, group: range) -> Iterator[tuple[str, Rows, bytes]]:
        for number in group:
            identity, rows = f"{self._number}-{number}", rows_of(self._number, number)
            model = list(MODELS)[number % len(MODELS)]
            yield identity, rows, request(model, self._form, identity, rows, closing=self._way == "closing")


def asked(port: int, count: int, clients: int, meanwhile: Callable[[], None]) -> Counter[str]:
    """Ask `count` times in all, by so many clients at once, and return the counts of right and lost answers.

    `meanwhile` is called again and again until all clients are done. Raises AssertionError with the first
    answer that is not right.
    """
    tallies = [Tally() for _ in range(clients)]
    kinds = [(way, form) for way in WAYS for form in FORMS]
    threads = [
        threading.Thread(
            target=Client(port, number, *kinds[number % len(kinds)], tally).run, args=(count // clients,)
        )
        for number, tally in enumerate(tallies)
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        meanwhile()
    wrong = [tally.first for tally in tallies if tally.first]
    assert not wrong, wrong[0]
    counts = sum((tally.counts for tally in tallies), Counter())
    lost = count // clients * clients - counts.total()
    return counts + Counter({"lost": lost})


class Swaps:
    """New versions of both models, one after the other while requests are under way."""

    def __init__(self, volume: Volume) -> None:
        """Begin with version 1."""
        self._volume, self.number = volume, 1
        self._pause = random.Random(1)
        add(volume, 1)

    def next(self) -> None:
        """Activate the next version, after a pause of at most half a second."""
        threading.Event().wait(self._pause.uniform(0.1, 0.5))
        self.number += 1
        add(self._volume, self.number)


def main() -> None:
    """Ask as often as the command line says, and print what came of it."""
    with tempfile.TemporaryDirectory() as directory:
        volume = Volume(Path(directory, "volume"))
        volume.root.mkdir()
        swaps = Swaps(volume)
        server = Server(volume.root, Path(directory, "log"), "--poll", "100ms", *sys.argv[2:]).wait_ready()
        try:
            counts = asked(server.port, int(sys.argv[1]), 18, swaps.next)
        finally:
            server.kill()
    print(f"{dict(counts)}, over {swaps.number} versions of {len(MODELS)} models")


if __name__ == "__main__":
    main()
