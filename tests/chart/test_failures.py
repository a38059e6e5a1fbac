"""Values that cannot work are refused before anything is applied, with a sentence that names the cure."""

# ruff: noqa: E501 - a table with a row a line reads better than a wrapped one

import re
from typing import Any

import helm_python
import pytest

from chart.rendering import CHART, merged, texts, values
from chart.table import CLAIM, CLUSTER_IP, HPA, IDENTITY, KEDA, NO_FETCHER, OTHER_SERVER, SECRET

LOAD_BALANCER_ONLY = {"service": {"type": "NodePort"}}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no source": ({"model": {"source": ""}}, "set it to the root of your model"),
    "nowhere to write": ({"volume": {"type": "none"}}, "choose emptyDir, hostPath or persistentVolumeClaim"),
    "native on an old cluster": (
        {"kubeVersionOverride": "1.28.9", "fetcher": {"mode": "native"}}, "use auto or classic"
    ),
    "nobody fills the volume": (NO_FETCHER, "set volume.type to persistentVolumeClaim"),
    "nobody fetches the source": (merged(CLAIM, {"fetcher": {"enabled": False}}), "remove model.source"),
    "two models of one name": (
        {"model": {"additionalSources": ["az://account/others/digits/"]}}, "rename one, or install the chart once"
    ),
    "models among temporary files": ({"model": {"path": "/tmp/"}}, "choose another directory"),
    "no claim": ({"volume": {"type": "persistentVolumeClaim"}}, "set volume.persistentVolumeClaim.claimName"),
    "no image": (merged(NO_FETCHER, {"volume": {"type": "image"}}), "set volume.image.reference"),
    "image volume on an old cluster": (
        merged(NO_FETCHER, {"volume": {"type": "image", "image": {"reference": "r"}}, "kubeVersionOverride": "1.30.0"}),
        "bake the model into inference.image",
    ),
    "no identity": ({"auth": {"type": "workloadIdentity"}}, "set auth.workloadIdentity.clientId"),
    "no secret": (merged(SECRET, {"auth": {"existingSecret": {"name": ""}}}), "set auth.existingSecret.name"),
    "no key of the secret": (
        merged(SECRET, {"auth": {"existingSecret": {"keys": {"accountKey": ""}}}}), "set one of auth.existingSecret.keys"
    ),
    "half a key pair": (
        merged(SECRET, {"auth": {"existingSecret": {"keys": {"s3AccessKeyId": "k"}}}}), "s3SecretAccessKey too"
    ),
    "a class without a load balancer": (
        merged(LOAD_BALANCER_ONLY, {"service": {"loadBalancerClass": "x"}}), "service.loadBalancerClass is for"
    ),
    "ranges without a load balancer": (
        merged(LOAD_BALANCER_ONLY, {"service": {"loadBalancerSourceRanges": ["10.0.0.0/8"]}}), "change the type"
    ),
    "Azure without a load balancer": (
        merged(LOAD_BALANCER_ONLY, {"service": {"azure": {"dnsLabel": "x"}}}), "service.azure is for"
    ),
    "traffic policy of a ClusterIP": (
        merged(CLUSTER_IP, {"service": {"externalTrafficPolicy": "Local"}}), "choose LoadBalancer or NodePort"
    ),
    "node port of a ClusterIP": (merged(CLUSTER_IP, {"service": {"nodePort": 30000}}), "choose NodePort or"),
    "headless load balancer": ({"service": {"clusterIP": "None"}}, "set service.type=ClusterIP"),
    "subnet of a public address": ({"service": {"azure": {"internalSubnet": "x"}}}, "azure.internal=true"),
    "DNS label of an internal address": (
        {"service": {"azure": {"internal": True, "dnsLabel": "x"}}}, "remove one of them"
    ),
    "route without a gateway": ({"httpRoute": {"enabled": True}}, "set httpRoute.parentRefs"),
    "one port twice": ({"inference": {"ports": {"admin": 8080}}}, "give them different numbers"),
    "a probe without its port": (
        {"inference": {"ports": {"admin": 0}, "startupProbe": None, "livenessProbe": {"tcpSocket": {"port": "http"}}}},
        "leaves inference.readinessProbe no port to ask",
    ),
    "a monitor of a port that the Service lacks": (
        {"metrics": {"monitor": {"enabled": True, "kind": "ServiceMonitor", "port": "http"}}},
        "set metrics.monitor.kind=PodMonitor",
    ),
    "a monitor without its port": (
        merged(OTHER_SERVER, {"metrics": {"monitor": {"enabled": True}}}), "name the port of the server's metrics"
    ),
    "a port of the other container": ({"fetcher": {"adminPort": 8080}}, "choose another number"),
    "two autoscalers": (merged(HPA, KEDA), "enable one of them"),
    "autoscaler upside down": (merged(HPA, {"autoscaling": {"minReplicas": 11}}), "raise the maximum"),
    "autoscaler without a metric": (
        merged(HPA, {"autoscaling": {"targetCPUUtilizationPercentage": 0}}), "nothing to go by"
    ),
    "KEDA without a trigger": ({"keda": {"enabled": True}}, "set keda.triggers"),
    "KEDA upside down": (merged(KEDA, {"keda": {"minReplicaCount": 11}}), "raise the maximum"),
    "two budgets": (
        {"podDisruptionBudget": {"minAvailable": 1, "maxUnavailable": 1}}, "leave one of them empty"
    ),
    "a budget that blocks drains": ({"podDisruptionBudget": {"minAvailable": 2}}, "run more pods"),
    "no time to finish": ({"inference": {"preStopSeconds": 45}}, "raise terminationGracePeriodSeconds"),
    "a variable twice": (
        {"inference": {"extraEnv": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}}, "sets A twice"
    ),
    "a variable of the chart": (
        merged(SECRET, {"fetcher": {"extraEnv": [{"name": "AZURE_STORAGE_KEY", "value": "x"}]}}),
        "fetcher.extraEnv sets AZURE_STORAGE_KEY",
    ),
    "a volume of the chart": ({"extraVolumes": [{"name": "tmp", "emptyDir": {}}]}, "volume named tmp"),
    "a volume twice": (
        {"extraVolumes": [{"name": "a", "emptyDir": {}}, {"name": "a", "emptyDir": {}}]}, "volume named a"
    ),
    "a container of the chart": ({"extraContainers": [{"name": "fetcher"}]}, "container named fetcher"),
    "a container twice": (
        {"extraContainers": [{"name": "a"}], "extraInitContainers": [{"name": "a"}]}, "container named a"
    ),
    "a port of the chart": (
        {"inference": {"extraPorts": [{"name": "grpc", "containerPort": 8080}]}}, r"inference.extraPorts has grpc \(8080/TCP"
    ),
    "a port of the Service twice": (
        {"service": {"extraPorts": [{"name": "grpc", "port": 81}, {"name": "grpc", "port": 82}]}},
        r"service.extraPorts has grpc \(82/TCP",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_values_that_cannot_work_are_refused_with_the_cure(case: str) -> None:
    given, sentence = REFUSED[case]
    with pytest.raises(helm_python.HelmRenderError, match=sentence):
        texts(merged(values(), given))


def test_each_sentence_of_the_chart_is_tested() -> None:
    sentences = re.findall(r'^- "(.*)"$', (CHART / "templates/_validate.tpl").read_text(), re.MULTILINE)
    untested = [one for one in sentences if not any(cure in one for _, cure in REFUSED.values())]
    assert [one for one in untested if "{{" not in one] == []
    assert len(sentences) <= len(REFUSED)


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(helm_python.HelmRenderError) as told:
        texts({"auth": {"type": "workloadIdentity"}, "keda": {"enabled": True}})
    for cure in ("set it to the root", "auth.workloadIdentity.clientId", "keda.triggers"):
        assert cure in str(told.value)


@pytest.mark.parametrize("given", [
    merged(IDENTITY, {"auth": {"workloadIdentity": {"clientId": ""}}, "serviceAccount": {"create": False, "name": "x"}}),
    OTHER_SERVER,
    {"inference": {"extraPorts": [{"name": "quic", "containerPort": 8080, "protocol": "UDP"}]}},
    {"podDisruptionBudget": {"minAvailable": "50%"}},
    {"podDisruptionBudget": {"minAvailable": 1}},
    {"podDisruptionBudget": {"minAvailable": 1}, "replicaCount": 0},
    {"inference": {"lifecycle": {"preStop": {"exec": {"command": ["true"]}}}, "preStopSeconds": 99}},
])  # fmt: skip
def test_what_looks_alike_and_works_is_not_refused(given: dict[str, Any]) -> None:
    assert texts(merged(values(), given))
