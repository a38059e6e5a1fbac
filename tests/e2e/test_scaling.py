"""An autoscaler under load brings pods that have the right model."""

import pytest

from e2e.client import load
from e2e.kube import run, until
from e2e.release import Release


def test_an_autoscaler_adds_pods_with_the_right_model_and_no_request_fails(release: Release) -> None:
    if "metrics.k8s.io" not in run("kubectl", "api-versions"):
        pytest.skip("the cluster has no metrics-server")
    release.store.publish("2", "v30")
    quick = {"scaleUp": {"stabilizationWindowSeconds": 0}}
    hpa = {
        "enabled": True,
        "minReplicas": 2,
        "maxReplicas": 4,
        "targetCPUUtilizationPercentage": 20,
        "behavior": quick,
    }
    release.install({"autoscaling": hpa})
    release.all_serve("v30")
    with load(release.namespace) as seen:
        until("there are four pods", lambda: len(release.namespace.pods()) == 4, seconds=180)
        release.all_serve("v30", pods=4)
    assert seen.failures == []
    assert seen.versions.keys() == {"v30"}
