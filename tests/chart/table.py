"""Where each value of the chart is found again: one row a value."""

# ruff: noqa: E501 - a table with a row a line reads better than a wrapped one

from typing import Any

from chart.rendering import merged, nested

POD = "Deployment/spec/template/spec/"
INFERENCE = POD + "containers/name=inference/"
FETCHER = POD + "initContainers/name=fetcher/"
SERVICE = "Service/spec/"
PORT = SERVICE + "ports/name=http/"
AZURE = "Service/metadata/annotations/service.beta.kubernetes.io~azure-"
ENV = FETCHER + "env/name="
DIGEST = "sha256:" + "0" * 64
ANY: Any = object()
"""Stands for "something is there"."""

ON = {
    "ingress": {"enabled": True},
    "httpRoute": {"enabled": True, "parentRefs": [{"name": "gateway"}]},
    "networkPolicy": {"enabled": True},
    "metrics": {
        "monitor": {"enabled": True},
        "prometheusRule": {"enabled": True},
        "dashboard": {"enabled": True},
    },
}
"""Whatever is off, but cannot hurt, is on."""
SECRET = {"auth": {"type": "existingSecret", "existingSecret": {"name": "s", "keys": {"accountKey": "k"}}}}
IDENTITY = {"auth": {"type": "workloadIdentity", "workloadIdentity": {"clientId": "c"}}}
NO_FETCHER = {"model": {"source": ""}, "fetcher": {"enabled": False}}
CLAIM = {"volume": {"type": "persistentVolumeClaim", "persistentVolumeClaim": {"claimName": "c"}}}
IMAGE = NO_FETCHER | {
    "volume": {"type": "image", "image": {"reference": "r"}},
    "kubeVersionOverride": "1.35.0",
}
HPA = {"autoscaling": {"enabled": True}}
KEDA = {"keda": {"enabled": True, "triggers": [{"type": "cpu"}]}}
CLUSTER_IP = {"service": {"type": "ClusterIP"}}
OTHER_SERVER = {
    "inference": {"ports": {"admin": 0}}
    | {probe: {"httpGet": {"port": "http"}} for probe in ("startupProbe", "readinessProbe", "livenessProbe")}
}
"""A server with one port only."""

Row = tuple[str, Any, str, Any, dict[str, Any]]


def row(path: str, value: Any, where: str, expected: Any = None, given: dict[str, Any] | None = None) -> Row:
    """Say where a value is found again; without `expected`, as it was given."""
    return path, value, where, value if expected is None else expected, given or {}


def secret(key: str, variable: str) -> Row:
    """Say which variable gets the key of a secret."""
    keys = {"auth": {"existingSecret": {"keys": {"s3SecretAccessKey": "s"}}}} if key.startswith("s3") else {}
    where = ENV + variable + "/valueFrom/secretKeyRef/key"
    return row(f"auth.existingSecret.keys.{key}", "some-key", where, given=merged(SECRET, keys))


RESOURCES = {"requests": {"cpu": "2"}}
ITEM = [{"name": "extra"}]
SELECTOR = {"matchLabels": {"a": "b"}}
ROWS = [
    row("enabled", False, "Deployment/kind", "Deployment"),
    row("global.imageRegistry", "r.example.com/x", INFERENCE + "image", "r.example.com/x/inference:0.1.0"),
    row("global.imagePullSecrets", ITEM, POD + "imagePullSecrets"),
    row("namespaceOverride", "elsewhere", "Deployment/metadata/namespace"),
    row("kubeVersionOverride", "v1.28.3", POD + "containers/name=fetcher/name", "fetcher"),
    row("commonLabels", {"a": "b"}, "Service/metadata/labels/a", "b"),
    row("commonAnnotations", {"a": "b"}, "Service/metadata/annotations/a", "b"),
    row("replicaCount", 5, "Deployment/spec/replicas"),
    row("revisionHistoryLimit", 0, "Deployment/spec/revisionHistoryLimit"),
    row("strategy", {"type": "Recreate"}, "Deployment/spec/strategy"),
    row("minReadySeconds", 4, "Deployment/spec/minReadySeconds"),
    row("progressDeadlineSeconds", 60, "Deployment/spec/progressDeadlineSeconds"),
    row("model.source", "az://a/c/other", FETCHER + "args/1"),
    row("model.additionalSources", ["az://a/c/other"], FETCHER + "args/2", "az://a/c/other"),
    row("model.channel", "canary", FETCHER + "args", "--channel=canary"),
    row("model.interval", "5s", FETCHER + "args", "--interval=5s"),
    row("model.keep", 7, FETCHER + "args", "--keep=7"),
    row("model.path", "/m", INFERENCE + "volumeMounts/name=models/mountPath"),
    row("model.confirm.enabled", False, FETCHER + "args/7", "--give-up-after=15s"),
    row("model.confirm.url", "http://x/y", FETCHER + "args", "--confirm-url=http://x/y"),
    row("model.confirm.timeout", "5s", FETCHER + "args", "--confirm-timeout=5s"),
    row("volume.type", "none", INFERENCE + "volumeMounts/0/name", "tmp", NO_FETCHER),
    row("volume.emptyDir.sizeLimit", "1Gi", POD + "volumes/name=models/emptyDir/sizeLimit"),
    row("volume.emptyDir.medium", "Memory", POD + "volumes/name=models/emptyDir/medium"),
    row("volume.hostPath.path", "/x", POD + "volumes/name=models/hostPath/path", None, nested("volume.type", "hostPath")),
    row(
        "volume.persistentVolumeClaim.claimName", "m", POD + "volumes/name=models/persistentVolumeClaim/claimName",
        given=CLAIM,
    ),
    row("volume.image.reference", "r:1", POD + "volumes/name=models/image/reference", given=IMAGE),
    row("volume.image.pullPolicy", "Never", POD + "volumes/name=models/image/pullPolicy", given=IMAGE),
    row("auth.type", "auto", ENV + "MODEL_FETCHER_AUTH/value"),
    row(
        "auth.workloadIdentity.clientId", "id", "ServiceAccount/metadata/annotations/azure.workload.identity~client-id",
        given=IDENTITY,
    ),
    row(
        "auth.workloadIdentity.tenantId", "id", "ServiceAccount/metadata/annotations/azure.workload.identity~tenant-id",
        given=IDENTITY,
    ),
    row(
        "auth.workloadIdentity.tokenExpirationSeconds", 7200,
        "ServiceAccount/metadata/annotations/azure.workload.identity~service-account-token-expiration", "7200", IDENTITY,
    ),
    row("auth.existingSecret.name", "n", ENV + "AZURE_STORAGE_KEY/valueFrom/secretKeyRef/name", given=SECRET),
    secret("connectionString", "AZURE_STORAGE_CONNECTION_STRING"),
    secret("accountKey", "AZURE_STORAGE_KEY"),
    secret("sasToken", "AZURE_STORAGE_SAS_TOKEN"),
    secret("s3AccessKeyId", "AWS_ACCESS_KEY_ID"),
    secret("s3SecretAccessKey", "AWS_SECRET_ACCESS_KEY"),
    secret("s3SessionToken", "AWS_SESSION_TOKEN"),
    secret("googleServiceAccountKey", "GOOGLE_SERVICE_ACCOUNT_KEY"),
    row("inference.command", ["server"], INFERENCE + "command"),
    row("inference.args", ["--x"], INFERENCE + "args"),
    row("inference.extraArgs", ["--queue=9"], INFERENCE + "args/7", "--queue=9"),
    row("inference.models", ["digits"], INFERENCE + "args", "--model=digits"),
    row("inference.workers", 3, INFERENCE + "args", "--workers=3"),
    row("inference.provider", "cuda", INFERENCE + "args", "--provider=cuda"),
    row("inference.cache.enabled", True, INFERENCE + "volumeMounts/name=cache/mountPath", "/cache"),
    row("inference.cache.sizeLimit", "5Mi", POD + "volumes/name=cache/emptyDir/sizeLimit"),
    row("inference.ports.http", 81, INFERENCE + "ports/name=http/containerPort"),
    row("inference.ports.admin", 82, INFERENCE + "ports/name=admin/containerPort"),
    row("inference.extraPorts", [{"name": "grpc", "containerPort": 1}], INFERENCE + "ports/name=grpc/containerPort", 1),
    row("inference.preStopSeconds", 9, INFERENCE + "lifecycle/preStop/sleep/seconds"),
    row("inference.lifecycle", {"postStart": {"exec": {"command": ["x"]}}}, INFERENCE + "lifecycle"),
    *(row(f"inference.{probe}", {"periodSeconds": 77}, f"{INFERENCE}{probe}/periodSeconds", 77)
      for probe in ("startupProbe", "readinessProbe", "livenessProbe")),
    row("fetcher.enabled", False, POD + "containers/0/name", "inference", merged(NO_FETCHER, CLAIM)),
    row("fetcher.mode", "classic", POD + "initContainers/name=fetcher-init/args/0", "fetch"),
    row("fetcher.extraArgs", ["--x"], FETCHER + "args/10", "--x"),
    row("fetcher.giveUpAfter", "0s", FETCHER + "args", "--give-up-after=0s"),
    row("fetcher.adminPort", 99, FETCHER + "ports/name=fetch-admin/containerPort"),
    *(row(f"fetcher.{probe}", {"periodSeconds": 77}, f"{FETCHER}{probe}/periodSeconds", 77)
      for probe in ("startupProbe", "livenessProbe")),
    row("serviceAccount.create", False, POD + "serviceAccountName", "default"),
    row("serviceAccount.name", "someone", POD + "serviceAccountName"),
    row("serviceAccount.annotations", {"a": "b"}, "ServiceAccount/metadata/annotations"),
    row("serviceAccount.labels", {"a": "b"}, "ServiceAccount/metadata/labels/a", "b"),
    row("automountServiceAccountToken", True, POD + "automountServiceAccountToken"),
    row("deploymentAnnotations", {"a": "b"}, "Deployment/metadata/annotations"),
    row("podAnnotations", {"a": "b"}, "Deployment/spec/template/metadata/annotations/a", "b"),
    row("podLabels", {"a": "b"}, "Deployment/spec/template/metadata/labels/a", "b"),
    row("podSecurityContext", {"fsGroup": 1}, POD + "securityContext/fsGroup", 1),
    row("terminationGracePeriodSeconds", 90, POD + "terminationGracePeriodSeconds"),
    *(row(name, "something", POD + name) for name in ("priorityClassName", "runtimeClassName", "schedulerName")),
    row("nodeSelector", {"a": "b"}, POD + "nodeSelector"),
    row("tolerations", [{"operator": "Exists"}], POD + "tolerations"),
    row("affinity", {"nodeAffinity": {}}, POD + "affinity"),
    row("topologySpreadConstraints", [{"topologyKey": "z"}], POD + "topologySpreadConstraints/0/topologyKey", "z"),
    row("hostAliases", [{"ip": "10.0.0.1"}], POD + "hostAliases"),
    row("dnsPolicy", "Default", POD + "dnsPolicy"),
    row("dnsConfig", {"searches": ["x"]}, POD + "dnsConfig"),
    row("tmpSizeLimit", "5Mi", POD + "volumes/name=tmp/emptyDir/sizeLimit"),
    row("extraVolumes", [{"name": "extra", "emptyDir": {}}], POD + "volumes/name=extra/emptyDir", ANY),
    row("extraContainers", ITEM, POD + "containers/name=extra/name", "extra"),
    row("extraInitContainers", ITEM, POD + "initContainers/0/name", "extra"),
    row("extraObjects", [{"kind": "X", "metadata": {"name": "digits-model-sidecar"}}], "X/kind", "X"),
    row("service.type", "NodePort", SERVICE + "type"),
    row("service.port", 81, PORT + "port"),
    row("service.nodePort", 30000, PORT + "nodePort"),
    row("service.clusterIP", "None", SERVICE + "clusterIP", given=CLUSTER_IP),
    row("service.annotations", {"a": "b"}, "Service/metadata/annotations"),
    row("service.labels", {"a": "b"}, "Service/metadata/labels/a", "b"),
    row("service.hostname", "x.y", "Service/metadata/annotations/external-dns.alpha.kubernetes.io~hostname"),
    row("service.extraPorts", [{"name": "grpc", "port": 1}], SERVICE + "ports/name=grpc/port", 1),
    row("service.externalTrafficPolicy", "Local", SERVICE + "externalTrafficPolicy"),
    row("service.loadBalancerClass", "x", SERVICE + "loadBalancerClass"),
    row("service.loadBalancerSourceRanges", ["10.0.0.0/8"], SERVICE + "loadBalancerSourceRanges"),
    row("service.sessionAffinity", "ClientIP", SERVICE + "sessionAffinity"),
    row("service.ipFamilyPolicy", "PreferDualStack", SERVICE + "ipFamilyPolicy"),
    row("service.ipFamilies", ["IPv6"], SERVICE + "ipFamilies"),
    row("service.trafficDistribution", "PreferClose", SERVICE + "trafficDistribution"),
    row("service.azure.internal", True, AZURE + "load-balancer-internal", "true"),
    row(
        "service.azure.internalSubnet", "s", AZURE + "load-balancer-internal-subnet",
        given=nested("service.azure.internal", True),
    ),
    row("service.azure.dnsLabel", "d", AZURE + "dns-label-name"),
    row("service.azure.ip", "10.0.0.1", AZURE + "load-balancer-ipv4"),
    row("service.azure.pipName", "p", AZURE + "pip-name"),
    row("service.azure.healthProbePath", "/", AZURE + "load-balancer-health-probe-request-path"),
    row("service.azure.idleTimeoutMinutes", 9, AZURE + "load-balancer-tcp-idle-timeout", "9"),
    row("ingress.enabled", True, "Ingress/spec/rules/0/http/paths/0/path", "/"),
    row("ingress.className", "nginx", "Ingress/spec/ingressClassName"),
    row("ingress.annotations", {"a": "b"}, "Ingress/metadata/annotations"),
    row("ingress.hosts", ["x", "y"], "Ingress/spec/rules/1/host", "y"),
    row("ingress.path", "/x", "Ingress/spec/rules/0/http/paths/0/path"),
    row("ingress.pathType", "Exact", "Ingress/spec/rules/0/http/paths/0/pathType"),
    row("ingress.tls", [{"secretName": "x"}], "Ingress/spec/tls"),
    row("httpRoute.enabled", True, "HTTPRoute/spec/rules/0/backendRefs/0/port", 80),
    row("httpRoute.annotations", {"a": "b"}, "HTTPRoute/metadata/annotations"),
    row("httpRoute.parentRefs", ITEM, "HTTPRoute/spec/parentRefs"),
    row("httpRoute.hostnames", ["x"], "HTTPRoute/spec/hostnames"),
    *(row(f"httpRoute.{name}", [{"a": "b"}], f"HTTPRoute/spec/rules/0/{name}") for name in ("matches", "filters")),
    row("httpRoute.timeouts", {"request": "1s"}, "HTTPRoute/spec/rules/0/timeouts"),
    row("autoscaling.enabled", True, "HorizontalPodAutoscaler/spec/scaleTargetRef/kind", "Deployment"),
    row("autoscaling.minReplicas", 3, "HorizontalPodAutoscaler/spec/minReplicas", given=HPA),
    row("autoscaling.maxReplicas", 30, "HorizontalPodAutoscaler/spec/maxReplicas", given=HPA),
    *(row(
        f"autoscaling.target{name}UtilizationPercentage", 55,
        "HorizontalPodAutoscaler/spec/metrics/" + f"{index}/resource/target/averageUtilization", given=HPA,
    ) for index, name in enumerate(("CPU", "Memory"))),
    row("autoscaling.metrics", [{"type": "Pods"}], "HorizontalPodAutoscaler/spec/metrics/1/type", "Pods", HPA),
    row("autoscaling.behavior", {"scaleUp": {}}, "HorizontalPodAutoscaler/spec/behavior", given=HPA),
    row("keda.enabled", True, "ScaledObject/spec/scaleTargetRef/kind", "Deployment", KEDA),
    *(row(f"keda.{name}", 3, f"ScaledObject/spec/{name}", given=KEDA)
      for name in ("minReplicaCount", "maxReplicaCount", "pollingInterval", "cooldownPeriod")),
    row("keda.triggers", [{"type": "cron"}], "ScaledObject/spec/triggers", given=KEDA),
    *(row(f"keda.{name}", {"a": 1}, f"ScaledObject/spec/{name}", given=KEDA) for name in ("fallback", "advanced")),
    row("podDisruptionBudget.enabled", True, "PodDisruptionBudget/spec/maxUnavailable", 1),
    row("podDisruptionBudget.minAvailable", "50%", "PodDisruptionBudget/spec/minAvailable"),
    row("podDisruptionBudget.maxUnavailable", 0, "PodDisruptionBudget/spec/maxUnavailable"),
    row(
        "podDisruptionBudget.unhealthyPodEvictionPolicy", "IfHealthyBudget",
        "PodDisruptionBudget/spec/unhealthyPodEvictionPolicy",
    ),
    row("networkPolicy.enabled", True, "NetworkPolicy/spec/policyTypes", ["Ingress", "Egress"]),
    row("networkPolicy.clients", [{"podSelector": SELECTOR}], "NetworkPolicy/spec/ingress/0/from/0/podSelector", SELECTOR),
    row("networkPolicy.scrapers", [{"podSelector": SELECTOR}], "NetworkPolicy/spec/ingress/1/from"),
    row("networkPolicy.storePorts", [10000], "NetworkPolicy/spec/egress/1/ports/0/port", 10000),
    row("networkPolicy.extraIngress", [{"from": []}], "NetworkPolicy/spec/ingress/2", {"from": []}),
    row("networkPolicy.extraEgress", [{"to": []}], "NetworkPolicy/spec/egress/2", {"to": []}),
    row("metrics.monitor.enabled", True, "PodMonitor/spec/podMetricsEndpoints/1/port", "fetch-admin"),
    row("metrics.monitor.kind", "ServiceMonitor", "ServiceMonitor/spec/endpoints/0/port", "admin"),
    *(row(f"metrics.monitor.{name}", value, f"PodMonitor/spec/podMetricsEndpoints/0/{name}")
      for name, value in (("port", "x"), ("path", "/x"), ("interval", "7s"), ("scrapeTimeout", "1m30s"))),
    *(row(f"metrics.monitor.{name}", [{"action": "drop"}], f"PodMonitor/spec/podMetricsEndpoints/0/{name}")
      for name in ("relabelings", "metricRelabelings")),
    *(row(f"metrics.{block}.namespace", "mon", f"{kind}/metadata/namespace") for block, kind in (
        ("monitor", "PodMonitor"), ("prometheusRule", "PrometheusRule"), ("dashboard", "ConfigMap"))),
    *(row(f"metrics.{block}.labels", {"a": "b"}, f"{kind}/metadata/labels/a", "b") for block, kind in (
        ("monitor", "PodMonitor"), ("prometheusRule", "PrometheusRule"), ("dashboard", "ConfigMap"))),
    row("metrics.prometheusRule.enabled", True, "PrometheusRule/spec/groups/0/rules/0/alert", "ModelStale"),
    *(row(f"metrics.prometheusRule.{name}", 123, f"PrometheusRule/spec/groups/0/rules/alert={alert}/expr", "> 123")
      for name, alert in (("staleAfterSeconds", "ModelStale"), ("latencySeconds", "InferenceSlow"))),
    row("metrics.prometheusRule.errorRatio", 0.5, "PrometheusRule/spec/groups/0/rules/alert=InferenceErrors/expr", "> 0.5"),
    row("metrics.prometheusRule.versionSkewFor", "1h", "PrometheusRule/spec/groups/0/rules/alert=ModelVersionsDiffer/for"),
    row("metrics.prometheusRule.disabled", ["ModelStale"], "PrometheusRule/spec/groups/0/rules/0/alert", "ModelFetchFailing"),
    row("metrics.prometheusRule.alertLabels", {"a": "b"}, "PrometheusRule/spec/groups/0/rules/0/labels/a", "b"),
    row("metrics.prometheusRule.extraRules", [{"alert": "X"}], "PrometheusRule/spec/groups/0/rules/alert=X/alert", "X"),
    row("metrics.dashboard.enabled", True, "ConfigMap/data/model-sidecar.json", ANY),
    row("metrics.dashboard.annotations", {"folder": "b"}, "ConfigMap/metadata/annotations", {"folder": "b"}),
    row("tests.enabled", True, "Pod/metadata/annotations/helm.sh~hook", "test"),
    row("tests.image", "python:3.13-slim", "Pod/spec/containers/0/image"),
    row("tests.path", "/x", "Pod/spec/containers/0/env/name=REQUEST_PATH/value"),
    row("tests.body", "{}", "Pod/spec/containers/0/env/name=REQUEST_BODY/value"),
    row("tests.expect", "x", "Pod/spec/containers/0/env/name=EXPECT/value"),
]  # fmt: skip
for name, where in (("inference", INFERENCE), ("fetcher", FETCHER)):
    image, repository = f"{name}.image.", "inference" if name == "inference" else "model-fetcher"
    ROWS += [
        row(image + "registry", "r.example.com", where + "image", f"r.example.com/{repository}:0.1.0"),
        row(image + "repository", "x", where + "image", "localhost/x:0.1.0"),
        row(image + "tag", "2", where + "image", f"localhost/{repository}:2"),
        row(image + "digest", DIGEST, where + "image", f"localhost/{repository}:0.1.0@{DIGEST}"),
        row(image + "pullPolicy", "Always", where + "imagePullPolicy"),
        row(f"{name}.extraEnv", [{"name": "A", "value": "1"}], where + "env/name=A/value", "1"),
        row(f"{name}.extraEnvFrom", [{"secretRef": {"name": "x"}}], where + "envFrom"),
        row(f"{name}.extraVolumeMounts", [{"name": "extra", "mountPath": "/x"}], where + "volumeMounts/name=extra/mountPath", "/x"),
        row(f"{name}.resources", RESOURCES, where + "resources/requests/cpu", "2"),
        row(f"{name}.securityContext", {"runAsUser": 7}, where + "securityContext/runAsUser", 7),
    ]  # fmt: skip
