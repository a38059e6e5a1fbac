"""Load from a pod in the cluster."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from e2e.kube import HERE, PYTHON_IMAGE, Namespace, until

CONNECTIONS, PAUSE, MOST_SECONDS = 6, 0.02, 280


@dataclass(slots=True)
class Seen:
    """What the clients saw; filled when the load has ended."""

    requests: int = 0
    versions: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    longest: float = 0.0


@contextmanager
def load(
    namespace: Namespace, url: str = "http://digits", node: str = "", name: str = "load"
) -> Iterator[Seen]:
    """Send requests while the block runs; afterwards, the yielded object says what was seen."""
    script = (HERE / "load.py").read_text()
    command = ["python", "-c", script, url, str(CONNECTIONS), str(PAUSE), str(MOST_SECONDS)]
    selector = {"kubernetes.io/hostname": node} if node else {}
    namespace.kubectl("delete", "pod", name, "--ignore-not-found", "--wait")
    namespace.apply("client.yaml", NAME=name, IMAGE=PYTHON_IMAGE, COMMAND=command, NODE=selector)
    namespace.kubectl("wait", f"pod/{name}", "--for=condition=Ready", "--timeout=60s")
    seen = Seen()
    yield seen
    namespace.exec(name, "client", "touch", "/tmp/stop")
    until("the clients have stopped", lambda: _phase(namespace, name) == "Succeeded")
    told = json.loads(namespace.kubectl("logs", name).splitlines()[-1])
    seen.requests, seen.versions = told["requests"], told["versions"]
    seen.failures, seen.longest = told["failures"], told["longest"]
    namespace.kubectl("delete", "pod", name, "--wait")
    assert seen.requests > 0


def _phase(namespace: Namespace, name: str) -> str:
    return str(namespace.get("pod", name)["status"]["phase"])
