"""Two nodes: replicas are spread, either node can be drained under load, and one can be lost."""

import os
import shlex
from collections.abc import Iterator

import pytest

from e2e.client import load
from e2e.kube import nodes, run, until
from e2e.release import Release

TOLERATIONS = [
    {"key": f"node.kubernetes.io/{what}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}
    for what in ("not-ready", "unreachable")
]


@pytest.fixture(scope="module")
def digits(release: Release) -> Iterator[Release]:
    """Install with two replicas; nodes are given back in the end."""
    hosts = nodes()
    if len(hosts) < 2:
        pytest.skip("the cluster has one node")
    release.store.publish("1", "v40")
    release.install({"tolerations": TOLERATIONS})
    release.all_serve("v40")
    yield release
    for host in hosts:
        run("kubectl", "uncordon", host)
    # The pods of a lost node have nobody who would end them.
    release.namespace.helm("uninstall", "digits")
    release.namespace.kubectl("delete", "pods", "--all", "--force", "--grace-period=0")


def places(release: Release) -> set[str]:
    """Name the nodes that have a pod of the release."""
    return {pod["spec"].get("nodeName", "") for pod in release.namespace.pods()}


def test_replicas_are_spread_over_the_nodes(digits: Release) -> None:
    assert places(digits) == set(nodes())


@pytest.mark.parametrize("index", [0, 1])
def test_a_node_can_be_drained_under_load(digits: Release, index: int) -> None:
    drained, other = nodes()[index], nodes()[1 - index]
    ours = "--pod-selector=app.kubernetes.io/instance=digits"
    with load(digits.namespace, node=other) as seen:
        run(
            "kubectl",
            "drain",
            drained,
            ours,
            "--ignore-daemonsets",
            "--delete-emptydir-data",
            "--timeout=180s",
        )
        digits.all_serve("v40")
    assert seen.failures == []
    assert places(digits) == {other}
    run("kubectl", "uncordon", drained)
    digits.namespace.kubectl("rollout", "restart", "deployment/digits")
    digits.namespace.rollout()
    assert places(digits) == {drained, other}


def test_the_service_stays_when_a_node_is_lost(digits: Release) -> None:
    killer = os.environ.get("NODE_KILLER")
    if not killer:
        pytest.skip("NODE_KILLER, a command that kills the node it is given, is not set")
    kept, lost = nodes()
    with load(digits.namespace, node=kept) as seen:
        run(*shlex.split(killer), lost)
        until("the pods are on the other node", lambda: places(digits) == {kept}, seconds=180)
        digits.namespace.rollout()
    assert seen.requests > len(seen.failures)
    with load(digits.namespace, node=kept) as after:
        digits.all_serve("v40")
    assert after.failures == []
