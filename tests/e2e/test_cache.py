"""A claim as a cache: a pod that starts while the store is away serves what the node has kept."""

from collections.abc import Iterator

import pytest

from e2e.kube import PYTHON_IMAGE, Namespace, nodes, run
from e2e.release import Release

PARENT, DIRECTORY = "/var/tmp", "model-sidecar-e2e"
MAKE = f"import os; p = '/parent/{DIRECTORY}'; os.makedirs(p, exist_ok=True); os.chown(p, 65532, 65532)"
REMOVE = f"import shutil; shutil.rmtree('/parent/{DIRECTORY}')"


def on_node(host: str, code: str) -> None:
    """Run a little Python beside a directory of the node."""
    free, name = Namespace("default"), "e2e-directory"
    command = ["python", "-c", code]
    free.apply("directory.yaml", NAME=name, HOST=host, IMAGE=PYTHON_IMAGE, COMMAND=command, PARENT=PARENT)
    free.kubectl("wait", f"pod/{name}", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
    free.kubectl("delete", "pod", name, "--wait")


@pytest.fixture(scope="module")
def cached(release: Release) -> Iterator[Release]:
    """Install with a directory of a node as the volume of two replicas."""
    host = nodes()[-1]
    on_node(host, MAKE)
    where = {"NAME": release.namespace.name, "NAMESPACE": release.namespace.name, "HOST": host}
    release.namespace.apply("cache.yaml", DIRECTORY=f"{PARENT}/{DIRECTORY}", **where)
    release.store.publish("1", "v20")
    claim = {"type": "persistentVolumeClaim", "persistentVolumeClaim": {"claimName": "model-cache"}}
    release.install({"volume": claim})
    yield release
    release.namespace.helm("uninstall", "digits", "--wait")
    release.namespace.kubectl("delete", "pvc", "model-cache", "--wait")
    run("kubectl", "delete", "pv", release.namespace.name)
    on_node(host, REMOVE)


def test_a_pod_that_starts_while_the_store_is_away_serves_from_the_cache(cached: Release) -> None:
    cached.all_serve("v20")
    with cached.store.down():
        cached.namespace.kubectl("delete", "pods", "--selector=app.kubernetes.io/instance=digits", "--wait")
        cached.namespace.rollout()
        cached.all_serve("v20")


def test_two_pods_on_one_cache_follow_the_store(cached: Release) -> None:
    cached.store.publish("2", "v21")
    cached.all_serve("v21")
