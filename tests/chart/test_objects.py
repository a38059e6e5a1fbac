"""The objects around the pods: names, Service, monitors, policies, notes, the request of `helm test`."""

import pytest

from chart.rendering import deployment, find, manifests, merged, notes, texts, values
from chart.table import CLUSTER_IP, NO_FETCHER


@pytest.mark.parametrize(
    ("release", "given", "expected"),
    [
        ("digits", {}, "digits-model-sidecar"),
        ("my-model-sidecar", {}, "my-model-sidecar"),
        ("digits", {"nameOverride": "x"}, "digits-x"),
        ("digits", {"fullnameOverride": "whole"}, "whole"),
        ("a" * 53, {}, "a" * 50),
    ],
)
def test_names_follow_the_release(release: str, given: dict[str, str], expected: str) -> None:
    (found,) = [o for o in manifests(merged(values(), given), release) if o["kind"] == "Deployment"]
    assert found["metadata"]["name"] == expected


def test_every_name_of_a_long_release_is_a_valid_label() -> None:
    given = values(
        metrics__dashboard__enabled=True, metrics__monitor={"enabled": True, "kind": "ServiceMonitor"}
    )
    assert all(len(o["metadata"]["name"]) <= 63 for o in manifests(given, "a" * 53))


def test_labels_of_the_chart_win_over_common_ones() -> None:
    given = values(commonLabels={"app.kubernetes.io/name": "other"})
    assert deployment(given)["metadata"]["labels"]["app.kubernetes.io/name"] == "model-sidecar"


def test_the_selector_never_changes_with_the_version_or_labels() -> None:
    selector = deployment(values(commonLabels={"a": "b"}, podLabels={"c": "d"}))["spec"]["selector"][
        "matchLabels"
    ]
    assert selector.keys() == {"app.kubernetes.io/name", "app.kubernetes.io/instance"}


def test_admin_ports_are_not_on_the_public_service() -> None:
    ports = find(manifests(values()), "Service")["spec"]["ports"]
    assert [port["targetPort"] for port in ports] == ["http"]


def test_a_service_monitor_finds_a_headless_service_of_its_own() -> None:
    objects = manifests(values(metrics__monitor={"enabled": True, "kind": "ServiceMonitor"}))
    service, monitor = find(objects, "Service", "-admin"), find(objects, "ServiceMonitor")
    assert service["spec"]["clusterIP"] == "None"
    assert {p["name"] for p in service["spec"]["ports"]} == {e["port"] for e in monitor["spec"]["endpoints"]}
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert (
        not monitor["spec"]["selector"]["matchLabels"].items()
        <= find(objects, "Service")["metadata"]["labels"].items()
    )


def test_a_headless_service_is_asked_at_the_port_of_the_pods() -> None:
    given = values(service={"type": "ClusterIP", "clusterIP": "None"})
    request = find(manifests(given), "Pod", "-test")["spec"]["containers"][0]
    assert request["env"][0] == {"name": "URL", "value": "http://digits-model-sidecar.models:8080"}
    assert "port-forward service/digits-model-sidecar 8080:8080" in notes(given)


def test_a_network_policy_without_a_fetcher_lets_nothing_out() -> None:
    given = merged(NO_FETCHER, {"volume": {"type": "none"}, "networkPolicy": {"enabled": True}})
    policy = find(manifests(given), "NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["egress"] == []


def test_a_network_policy_that_names_clients_lets_the_pod_of_helm_test_in() -> None:
    clients = [{"podSelector": {"matchLabels": {"app": "shop"}}}]
    objects = manifests(values(networkPolicy={"enabled": True, "clients": clients}))
    allowed = find(objects, "NetworkPolicy")["spec"]["ingress"][0]["from"]
    assert allowed[:-1] == clients
    labels = find(objects, "Pod", "-test")["metadata"]["labels"]
    assert allowed[-1]["podSelector"]["matchLabels"].items() <= labels.items()


def test_azure_probes_by_http_only_when_it_is_told_a_path() -> None:
    annotation = "service.beta.kubernetes.io/azure-load-balancer-health-probe-protocol"
    plain, probed = (find(manifests(given), "Service") for given in (
        values(), values(service__azure__healthProbePath="/")))  # fmt: skip
    assert annotation not in plain["metadata"].get("annotations", {})
    assert probed["metadata"]["annotations"][annotation] == "http"
    assert "appProtocol" not in plain["spec"]["ports"][0]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (values(), "status.loadBalancer.ingress[0].ip"),
        (values(service__hostname="d.example.com"), "URL=http://d.example.com:80"),
        (values(service__type="NodePort"), "spec.ports[0].nodePort"),
        (values(**CLUSTER_IP), "port-forward service/digits-model-sidecar 8080:80"),
        (
            values(ingress={"enabled": True, "hosts": ["a.b"], "tls": [{"secretName": "x"}]}),
            "URL=https://a.b",
        ),
        (
            values(httpRoute={"enabled": True, "parentRefs": [{"name": "g"}], "hostnames": ["c.d"]}),
            "URL=http://c.d",
        ),
        (values(), "az://account/models/digits (channel stable, every 60s)"),
        (values(), "curl $URL/version"),
        (values(), "helm --namespace models test digits --logs"),
        (values(inference__command=["x"]), "set model.confirm.enabled=false"),
        (values(volume__type="hostPath"), "refused in namespaces that enforce"),
        (merged(NO_FETCHER, {"volume": {"type": "none"}}), "baked into the image"),
    ],
)
def test_the_notes_have_the_commands_to_try(given: dict[str, object], expected: str) -> None:
    assert expected in notes(given)


def test_the_notes_warn_of_nothing_that_is_not_there() -> None:
    assert "WARNING" not in notes(values())


def test_extra_objects_are_rendered_as_templates() -> None:
    text = '{"kind": "X", "metadata": {"name": "{{ .Release.Name }}"}}'
    objects = manifests(
        values(extraObjects=[text, {"kind": "Y", "metadata": {"name": "{{ .Release.Name }}-y"}}])
    )
    assert [o["metadata"]["name"] for o in objects if o["kind"] in "XY"] == ["digits", "digits-y"]


def test_nothing_is_rendered_that_is_not_asked_for() -> None:
    rendered = {name.rpartition("/")[2] for name, text in texts(values()).items() if text.strip()}
    assert rendered == {
        "NOTES.txt", "deployment.yaml", "pdb.yaml", "request.yaml", "service.yaml", "serviceaccount.yaml",
    }  # fmt: skip
