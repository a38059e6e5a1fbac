"""The check itself must find what the standard forbids."""

import copy
from typing import Any

import pytest

from chart import podsecurity
from chart.rendering import pod, values

CONTAINER = "containers/0/"
FORBIDDEN = {
    "hostNetwork": True,
    "hostPID": True,
    "hostIPC": True,
    "securityContext/runAsUser": 0,
    "securityContext/sysctls": [{"name": "kernel.shm_rmid_forced", "value": "0"}],
    "volumes/0": {"name": "models", "hostPath": {"path": "/"}},
    CONTAINER + "securityContext/privileged": True,
    CONTAINER + "securityContext/allowPrivilegeEscalation": True,
    CONTAINER + "securityContext/capabilities": {},
    CONTAINER + "securityContext/capabilities/add": ["SYS_ADMIN"],
    CONTAINER + "securityContext/runAsNonRoot": False,
    CONTAINER + "securityContext/runAsUser": 0,
    CONTAINER + "securityContext/seccompProfile": {"type": "Unconfined"},
    CONTAINER + "securityContext/procMount": "Unmasked",
    CONTAINER + "ports": [{"containerPort": 80, "hostPort": 80}],
}


def changed(spec: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a copy of `spec` with one thing set."""
    out = copy.deepcopy(spec)
    *parents, last = path.split("/")
    place: Any = out
    for part in parents:
        place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
    place[int(last) if isinstance(place, list) else last] = value
    return out


@pytest.mark.parametrize("path", FORBIDDEN)
def test_what_restricted_forbids_is_found(path: str) -> None:
    spec = pod(values())
    assert podsecurity.violations(spec) == []
    assert len(podsecurity.violations(changed(spec, path, FORBIDDEN[path]))) == 1
