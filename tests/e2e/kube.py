"""Real kubectl and Helm on the cluster of KUBECONFIG."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

HERE = Path(__file__).parent
CHART = HERE.parent.parent / "chart"
REGISTRY = os.environ.get("REGISTRY", "localhost")
TAG = os.environ.get("TAG", "0.1.0")
PYTHON_IMAGE = f"{REGISTRY}/inference:{TAG}"
"""An image with Python that the cluster has; clients and foreign servers run in it."""

Object = dict[str, Any]


def run(*words: str | Path, stdin: str = "", env: dict[str, str] | None = None, fails: bool = False) -> str:
    """Run a command and return its output; with `fails`, it must fail, and both its outputs are returned."""
    line = list(map(str, words))
    done = subprocess.run(
        line, input=stdin, capture_output=True, text=True, timeout=300, env={**os.environ, **(env or {})}
    )
    assert (done.returncode != 0) == fails, f"{' '.join(line)}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr if fails else done.stdout


def until(what: str, happens: Callable[[], Any], seconds: float = 90) -> Any:
    """Wait for something to be true and return it; the deadline is generous, it is no measure."""
    deadline = time.monotonic() + seconds
    while not (found := happens()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.5)
    return found


def nodes() -> list[str]:
    """Name the nodes that take pods."""
    items = json.loads(run("kubectl", "get", "nodes", "--output=json"))["items"]
    return sorted(n["metadata"]["name"] for n in items if ready(n) and not n["spec"].get("unschedulable"))


@dataclass(frozen=True, slots=True)
class Namespace:
    """One namespace, and what is done in it."""

    name: str

    def kubectl(self, *words: str, stdin: str = "", fails: bool = False) -> str:
        """Run kubectl in this namespace."""
        return run("kubectl", "--namespace", self.name, *words, stdin=stdin, fails=fails)

    def get(self, *words: str) -> Object:
        """Read an object, or a list of them."""
        return dict(json.loads(self.kubectl("get", *words, "--output=json")))

    def apply(self, manifest: str, **names: Any) -> None:
        """Apply a file of manifests/, with `$NAME` replaced by JSON."""
        text = Template((HERE / "manifests" / manifest).read_text())
        self.kubectl(
            "apply", "--filename=-", stdin=text.substitute({k: json.dumps(v) for k, v in names.items()})
        )

    def helm(self, *words: str | Path, values: Object | None = None, fails: bool = False) -> str:
        """Run Helm in this namespace, with values as they are."""
        given = ["--values", "-"] if values is not None else []
        return run(
            "helm", "--namespace", self.name, *words, *given, stdin=json.dumps(values or {}), fails=fails
        )

    def pods(self, release: str = "digits") -> list[Object]:
        """List the pods of a release that are not on their way out."""
        items = self.get("pods", f"--selector=app.kubernetes.io/instance={release}")["items"]
        return [pod for pod in items if "deletionTimestamp" not in pod["metadata"]]

    def exec(self, pod: str, container: str, *command: str) -> str:
        """Run a command in a container."""
        return self.kubectl("exec", pod, f"--container={container}", "--", *command)

    def rollout(self, release: str = "digits") -> None:
        """Wait until the Deployment is as it should be."""
        self.kubectl("rollout", "status", f"deployment/{release}", "--timeout=180s")


@contextmanager
def namespace(name: str) -> Iterator[Namespace]:
    """Make a namespace that enforces PodSecurity `restricted`; in the end it is told to go."""
    run("kubectl", "delete", "namespace", name, "--ignore-not-found", "--wait")
    run("kubectl", "create", "namespace", name)
    run("kubectl", "label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    yield Namespace(name)
    if "E2E_KEEP" not in os.environ:
        run("kubectl", "delete", "namespace", name, "--wait=false")


def look_around() -> str:
    """Tell all of the pods, the events and the ends of the logs in the namespaces of the tests."""
    said = [_say("get", "nodes"), _say("get", "pods", "--all-namespaces", "--output=wide")]
    names = [name for name in _say("get", "namespaces", "--output=name").split() if "/e2e-" in name]
    for place in (f"--namespace={name.partition('/')[2]}" for name in names):
        said.append(_say("describe", "pods", place))
        said.append(_say("get", "events", place, "--sort-by=.lastTimestamp"))
        for pod in _say("get", "pods", place, "--output=name").split():
            said.append(_say("logs", pod, place, "--all-containers", "--prefix", "--tail=40"))
    return "\n".join(said)


def _say(*words: str) -> str:
    done = subprocess.run(["kubectl", *words], capture_output=True, text=True, timeout=60)
    return f"{done.stdout}{done.stderr}"


def restarts(pods: list[Object]) -> dict[str, int]:
    """Count the restarts of every container, by pod and container."""
    return {
        f"{pod['metadata']['name']}/{status['name']}": status["restartCount"]
        for pod in pods
        for kind in ("containerStatuses", "initContainerStatuses")
        for status in pod["status"].get(kind, [])
    }


def ready(thing: Object) -> bool:
    """Say whether a pod gets traffic, or a node pods."""
    return any(c["type"] == "Ready" and c["status"] == "True" for c in thing["status"].get("conditions", []))
