"""All attacks at once: meanwhile every quick request and every probe is answered, in bounded memory."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

import attacks
import models
import pictures
from attacks import Statuses, Target
from servers import Server, eventually, tensor
from volumes import Volume

from .conftest import StartServer

MEBIBYTE = 1 << 20
# All requests in progress may take the first; onnxruntime, threads and sockets get the rest.
IN_PROGRESS_MIB, GROWTH_MIB = 72, 256
FLAGS = ("--head-timeout", "2s", "--stall-timeout", "2s", "--idle-timeout", "5s", "--concurrency", "4",
         "--max-in-progress", f"{IN_PROGRESS_MIB}MiB", "--poll", "1h")  # fmt: skip
QUICK = {"inputs": [tensor("x", "FP32", [1, 2], [1, 2])]}
UNREAD, NUMBERS = 12, MEBIBYTE
PICTURES = b'{"input": ["%s"]}' % pictures.text(pictures.bomb()).encode()


class Attack(NamedTuple):
    """What is done, how often, and what may come of it; status 0 is a connection that the server closed."""

    run: Callable[[Target], int | Statuses]
    times: int
    statuses: set[int]


ATTACKS = {
    "spaces": Attack(partial(attacks.spaces, size=30_000), 20, {400}),
    "long heads": Attack(partial(attacks.spaces, size=100_000), 20, {431}),
    "slow heads": Attack(partial(attacks.held, count=1500, start=b"GET / HTTP/1.1\r\nX-A: "), 1, {408, 0}),
    # The admin port takes no large body (413).
    "announced bodies": Attack(partial(attacks.announced, count=200, size=60 * MEBIBYTE), 1, {408, 413, 503}),
    "an endless extension": Attack(partial(attacks.endless_line, start=b"1;a=", size=8 * MEBIBYTE), 5, {400}),
    "an endless trailer": Attack(
        partial(attacks.endless_line, start=b"0\r\nA: b", size=8 * MEBIBYTE), 5, {400}
    ),
    "tiny chunks": Attack(partial(attacks.tiny_chunks, size=4 * MEBIBYTE), 5, {400}),
    # No JSON (400), more than the admin port takes (413), or no memory beside the others (503).
    "empty lines": Attack(partial(attacks.empty_lines, size=2 * MEBIBYTE), 3, {400, 413, 503}),
    "nested lists": Attack(partial(attacks.nested, lists=22_000_000), 5, {404, 413, 503}),
    "//score": Attack(partial(attacks.doubled_slash, body=PICTURES), 20, {404}),
}


class Probes:
    """Clients that ask quick things without a pause, as in any hour; each status is counted."""

    def __init__(self, server: Server) -> None:
        """Start to ask."""
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.lost: list[str] = []
        self._stop = threading.Event()
        asked = {
            "infer": lambda: server.post("/v2/models/same/infer", QUICK).status,
            "live": lambda: server.get("/v2/health/live").status,
            "healthz": lambda: server.admin("/healthz").status,
            "readyz": lambda: server.admin("/readyz").status,
        }
        self._threads = [threading.Thread(target=self._ask, args=pair) for pair in asked.items()]
        for thread in self._threads:
            thread.start()

    def _ask(self, name: str, ask: Callable[[], int]) -> None:
        while not self._stop.is_set():
            try:
                self.statuses[name, ask()] += 1
            except OSError as error:
                self.lost.append(f"{name}: {error!r}")
            self._stop.wait(0.005)

    def end(self) -> None:
        """Stop to ask."""
        self._stop.set()
        for thread in self._threads:
            thread.join()


@pytest.fixture
def serving(volume: Volume, start: StartServer) -> Server:
    """A server with small limits, which has served a large request already."""
    volume.add("same", "v1", models.identity)
    volume.point("same", "v1")
    server = start(*FLAGS).wait_ready()
    assert attacks.unread(Target(server.port, "127.0.0.1"), 1, NUMBERS, 0) == 1
    return server


def memory(server: Server, field: str) -> int:
    """Return a figure of the server's memory, in MiB."""
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) // 1024


def attacked(attack: Attack, target: Target) -> Statuses:
    """Attack one port as often as is due, and count the statuses."""
    counts: Statuses = Counter()
    for _ in range(attack.times):
        result = attack.run(target)
        counts.update([result] if isinstance(result, int) else result)
    return counts


def test_no_attack_harms_other_clients(serving: Server) -> None:
    before = memory(serving, "VmRSS")
    probes = Probes(serving)
    with ThreadPoolExecutor(2 * len(ATTACKS) + 1) as pool:
        # Each from an address of its own, so that none uses up what one address may have of another's.
        running = {
            (name, port): pool.submit(attacked, attack, Target(port, f"127.0.1.{number}"))
            for number, (name, attack) in enumerate(ATTACKS.items(), 1)
            for port in (serving.port, serving.admin_port)
        }
        unread = pool.submit(attacks.unread, Target(serving.port, "127.0.2.1"), UNREAD, NUMBERS, 6)
    probes.end()
    assert probes.lost == []
    assert {status for _, status in probes.statuses} == {200}, probes.statuses
    assert {name for name, _ in probes.statuses} == {"infer", "live", "healthz", "readyz"}
    assert memory(serving, "VmHWM") - before < GROWTH_MIB
    for (name, _), future in running.items():
        assert set(future.result()) <= ATTACKS[name].statuses, (name, future.result())
    assert unread.result() == 0, "the server kept responses that nobody read"
    whole = bytes((IN_PROGRESS_MIB - 8) * MEBIBYTE)
    eventually(lambda: serving.request("POST", "/nowhere", whole).status == 404, "all memory is given back")
    assert serving.logged("a request failed") == []
