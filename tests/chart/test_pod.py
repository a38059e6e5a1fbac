"""How the two containers stand beside each other in a pod."""

from typing import Any

import pytest

from chart.rendering import at, container, deployment, find, manifests, merged, pod, values
from chart.table import HPA, IDENTITY, KEDA, OTHER_SERVER, SECRET


def names(spec: dict[str, Any], kind: str) -> list[str]:
    """List the names of a pod's containers of one kind."""
    return [one["name"] for one in spec.get(kind, [])]


@pytest.mark.parametrize("version", ["1.29.0", "v1.29.1-eks-abc", "1.30.4-gke.1", "1.37.0"])
def test_the_fetcher_is_a_native_sidecar_where_there_are_any(version: str) -> None:
    spec = pod(values(kubeVersionOverride=version))
    assert names(spec, "initContainers") == ["fetcher"]
    assert names(spec, "containers") == ["inference"]
    assert at(spec, "initContainers/0/restartPolicy") == "Always"
    assert at(spec, "initContainers/0/startupProbe/httpGet/path") == "/readyz"


@pytest.mark.parametrize("version", ["1.25.0", "v1.28.15-gke.100", "v1.28.9+k3s1"])
def test_an_old_cluster_gets_the_classic_pair(version: str) -> None:
    spec = pod(values(kubeVersionOverride=version))
    assert names(spec, "initContainers") == ["fetcher-init"]
    assert names(spec, "containers") == ["inference", "fetcher"]
    assert at(spec, "initContainers/0/args/0") == "fetch"
    assert "restartPolicy" not in at(spec, "containers/1")
    assert "startupProbe" not in at(spec, "containers/1")


def test_both_of_the_classic_pair_fetch_the_same_with_the_same_sign_in() -> None:
    given = merged(values(fetcher__mode="classic", model__channel="canary"), SECRET)
    first, second = container(given, "fetcher-init"), container(given, "fetcher")
    assert first["args"][1:] == second["args"][1:4]
    assert first["env"] == second["env"]


def test_the_server_keeps_its_optimised_copies_within_the_volume_they_are_on() -> None:
    args = container(values(inference__cache__sizeLimit="3Gi"), "inference")["args"]
    assert {"--cache=/cache", "--cache-size=3GiB"} <= set(args)


@pytest.mark.parametrize(
    "given",
    [
        {"cache": {"enabled": False}},
        {"provider": "cuda"},
        {"command": ["server"]},
        {"args": ["serve", "--volume=/models"]},
    ],
)
def test_nobody_else_gets_a_volume_for_optimised_copies(given: dict[str, Any]) -> None:
    spec = pod(merged(values(), {"inference": given}))
    assert "cache" not in names(spec, "volumes")
    assert "--cache=/cache" not in spec["containers"][0].get("args", [])


def test_only_the_fetcher_may_write_the_models() -> None:
    assert at(container(values(), "inference"), "volumeMounts/name=models/readOnly") is True
    assert at(container(values(), "fetcher"), "volumeMounts/name=models/readOnly") is None


def test_only_the_fetcher_gets_the_secret() -> None:
    given = merged(values(), SECRET)
    assert "env" not in container(given, "inference")
    assert at(container(given, "fetcher"), "env/name=AZURE_STORAGE_KEY/valueFrom/secretKeyRef") == {
        "name": "s", "key": "k",
    }  # fmt: skip


def test_only_the_fetcher_gets_a_token_of_the_workload_identity() -> None:
    given = merged(values(extraContainers=[{"name": "proxy"}]), IDENTITY)
    metadata = deployment(given)["spec"]["template"]["metadata"]
    assert metadata["labels"]["azure.workload.identity/use"] == "true"
    assert metadata["annotations"]["azure.workload.identity/skip-containers"] == "inference;proxy"
    assert at(container(given, "fetcher"), "env/name=MODEL_FETCHER_AUTH/value") == "workload-identity"


def test_without_workload_identity_no_pod_asks_for_a_token() -> None:
    assert "azure.workload.identity/use" not in deployment(values())["spec"]["template"]["metadata"]["labels"]


def test_another_identity_rolls_the_pods() -> None:
    one, two = (
        deployment(merged(values(), IDENTITY, {"auth": {"workloadIdentity": {"clientId": client}}}))
        for client in ("a", "b")
    )
    assert one["spec"]["template"] != two["spec"]["template"]


@pytest.mark.parametrize("given", [HPA, KEDA])
def test_an_autoscaler_owns_the_number_of_pods(given: dict[str, Any]) -> None:
    assert "replicas" not in deployment(merged(values(), given))["spec"]


def test_the_api_token_and_service_links_are_off() -> None:
    spec = pod(values())
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert find(manifests(values()), "ServiceAccount")["automountServiceAccountToken"] is False


@pytest.mark.parametrize(
    ("version", "expected"),
    [("1.29.9", {"exec": {"command": ["sleep", "5"]}}), ("1.30.0", {"sleep": {"seconds": 5}})],
)
def test_a_pod_goes_on_serving_while_load_balancers_notice(version: str, expected: dict[str, Any]) -> None:
    assert container(values(kubeVersionOverride=version), "inference")["lifecycle"] == {"preStop": expected}


def test_without_seconds_there_is_no_lifecycle() -> None:
    assert "lifecycle" not in container(values(inference__preStopSeconds=0), "inference")


def test_another_handler_replaces_the_request_of_a_probe() -> None:
    given = values(inference__livenessProbe={"tcpSocket": {"port": "http"}})
    probe = container(given, "inference")["livenessProbe"]
    assert probe["tcpSocket"] == {"port": "http"}
    assert "httpGet" not in probe


def test_null_removes_a_probe() -> None:
    assert "livenessProbe" not in container(values(inference__livenessProbe=None), "inference")


def test_a_server_of_your_own_gets_none_of_our_arguments() -> None:
    given = merged(values(inference__command=["tritonserver"]), OTHER_SERVER)
    server = container(given, "inference")
    assert server["command"] == ["tritonserver"]
    assert "args" not in server
    assert [port["name"] for port in server["ports"]] == ["http"]


def test_a_baked_image_has_one_container_and_no_volume_of_models() -> None:
    spec = pod({"fetcher": {"enabled": False}, "volume": {"type": "none"}})
    assert names(spec, "containers") == ["inference"]
    assert "initContainers" not in spec
    assert names(spec, "volumes") == ["tmp", "cache"]


def test_a_claim_that_something_else_fills_is_mounted_read_only() -> None:
    claim = {"type": "persistentVolumeClaim", "persistentVolumeClaim": {"claimName": "c"}}
    given = {"fetcher": {"enabled": False}, "volume": claim}
    assert at(pod(given), "volumes/name=models/persistentVolumeClaim/readOnly") is True


def test_the_scheduler_spreads_the_pods_unless_told_otherwise() -> None:
    assert "topologySpreadConstraints" not in pod(values())


def test_a_spread_without_a_selector_counts_the_pods_of_the_same_revision() -> None:
    [spread] = pod(values(topologySpreadConstraints=[{"topologyKey": "z"}]))["topologySpreadConstraints"]
    assert spread["labelSelector"]["matchLabels"]["app.kubernetes.io/instance"] == "digits"
    assert spread["matchLabelKeys"] == ["pod-template-hash"]


def test_a_spread_has_no_label_keys_before_kubernetes_1_27() -> None:
    given = values(topologySpreadConstraints=[{"topologyKey": "z"}], kubeVersionOverride="v1.26.9")
    [spread] = pod(given)["topologySpreadConstraints"]
    assert set(spread) == {"topologyKey", "labelSelector"}


def test_a_spread_with_a_selector_keeps_it() -> None:
    given = {"topologyKey": "z", "labelSelector": {"matchLabels": {"a": "b"}}}
    assert pod(values(topologySpreadConstraints=[given]))["topologySpreadConstraints"] == [given]
