"""The release under test, and what can be asked of it."""

import json
import urllib.request
from dataclasses import dataclass
from typing import Any

from e2e.kube import CHART, REGISTRY, TAG, Namespace, Object, ready, until
from e2e.store import SOURCE, Store

IMAGES: Object = {
    "inference": {"image": {"registry": REGISTRY, "tag": TAG}},
    "fetcher": {"image": {"registry": REGISTRY, "tag": TAG}},
}
SMALL = {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}}


def merged(one: Object, other: Object) -> Object:
    """Merge nested maps; the second wins."""
    nested = {
        k: merged(one[k], v) for k, v in other.items() if isinstance(v, dict) and isinstance(one.get(k), dict)
    }
    return one | other | nested


VALUES: Object = merged(
    IMAGES,
    {
        "fullnameOverride": "digits",
        "model": {"source": SOURCE, "interval": "1s"},
        "auth": {
            "type": "existingSecret",
            "existingSecret": {"name": "storage", "keys": {"connectionString": "connection-string"}},
        },
        "inference": {"resources": SMALL},
        "fetcher": {"resources": SMALL},
    },
)


@dataclass(frozen=True, slots=True)
class Release:
    """A release of the chart named `digits`."""

    namespace: Namespace
    store: Store

    def secret(self, connection: str) -> None:
        """Write the secret by which the fetcher signs in."""
        new = ["create", "secret", "generic", "storage", f"--from-literal=connection-string={connection}"]
        manifest = self.namespace.kubectl(*new, "--dry-run=client", "--output=yaml")
        self.namespace.kubectl("apply", "--filename=-", stdin=manifest)

    def install(self, values: Object | None = None, timeout: str = "180s", fails: bool = False) -> str:
        """Install or upgrade, and wait."""
        words = ["upgrade", "--install", "digits", str(CHART), "--wait", f"--timeout={timeout}"]
        return self.namespace.helm(*words, values=merged(VALUES, values or {}), fails=fails)

    def url(self) -> str:
        """Return the address from outside: the load balancer's, or a node's where there is none."""
        service = self.namespace.get("service", "digits")
        port = service["spec"]["ports"][0]
        if ingress := service["status"]["loadBalancer"].get("ingress"):
            return f"http://{ingress[0].get('ip') or ingress[0]['hostname']}:{port['port']}"
        node = self.namespace.get("nodes")["items"][0]["status"]["addresses"][0]["address"]
        return f"http://{node}:{port['nodePort']}"

    def ask(self, path: str, body: Any = None) -> Any:
        """Ask through the address from outside; JSON where it is JSON."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url() + path, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            text = answer.read().decode()
            return json.loads(text) if "json" in answer.headers["Content-Type"] else text

    def versions(self) -> dict[str, str]:
        """Ask every pod by itself which version it serves; nothing of one that is not ready."""
        pods = self.namespace.pods()
        names = [(pod["metadata"]["name"], ready(pod)) for pod in pods]
        return {name: self._version(name) if is_ready else "" for name, is_ready in names}

    def _version(self, pod: str) -> str:
        code = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8080/version').read().decode())"
        return str(json.loads(self.namespace.exec(pod, "inference", "python", "-c", code))["version"])

    def all_serve(self, version: str, pods: int = 2) -> None:
        """Wait until every pod serves a version."""
        until(f"{pods} pods serve {version}", lambda: list(self.versions().values()) == [version] * pods)

    def metrics(self, pod: str, container: str = "fetcher") -> str:
        """Read the metrics of a container."""
        port = {"fetcher": 9091, "inference": 9090}[container]
        code = (
            f"import urllib.request as u; print(u.urlopen('http://127.0.0.1:{port}/metrics').read().decode())"
        )
        return self.namespace.exec(pod, container, "python", "-c", code)
