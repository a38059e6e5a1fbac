"""Every values file of the chart: lint, Kubernetes' schemas, PodSecurity, and what good manifests have."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import helm_python
import jsonschema
import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from chart import podsecurity
from chart.rendering import CHART, FILES, NEWEST, OLDEST, Manifest, manifests, merged

CRDS = {path.stem: json.loads(path.read_text()) for path in Path(__file__).parent.glob("crds/*.json")}
NEEDS_NEWER = {"image-volume.yaml"}
"""Files that an older Kubernetes cannot have; test_failures.py sees that the chart says so."""
VERSIONS = (OLDEST, "1.28.0", "1.29.0", "1.30.0", NEWEST)
COMBINATIONS = [(f, v) for f in FILES for v in VERSIONS if v == NEWEST or f.name not in NEEDS_NEWER]
# It reads a file of a megabyte for each object.
kubernetes_validate.utils.schema_contents = cache(kubernetes_validate.utils.schema_contents)


def read(path: Path) -> dict[str, Any]:
    """Read a values file."""
    return dict(yaml.safe_load(path.read_text()))


def validate(manifest: Manifest, version: str) -> None:
    """Check one object against the schema of its kind, where unknown fields are errors."""
    if crd := CRDS.get(manifest["kind"].lower()):
        jsonschema.Draft7Validator(crd).validate(manifest)
    else:
        kubernetes_validate.validate(manifest, version, strict=True)


def pods(objects: list[Manifest]) -> list[Manifest]:
    """Return the specs of all pods."""
    templates = [o["spec"]["template"]["spec"] for o in objects if o["kind"] == "Deployment"]
    return templates + [o["spec"] for o in objects if o["kind"] == "Pod"]


@pytest.fixture(params=FILES, ids=lambda path: path.name)
def file(request: pytest.FixtureRequest) -> Path:
    """Each values file under ci/ and examples/."""
    path: Path = request.param
    return path


def test_lint_finds_nothing(file: Path) -> None:
    report = helm_python.lint(CHART, read(file), strict=True, namespace="models")
    assert [m for m in report["messages"] if m["severity"] > 1] == []
    assert not report["errors"]


@pytest.mark.parametrize(("file", "version"), COMBINATIONS, ids=lambda one: getattr(one, "name", one))
def test_kubernetes_accepts_every_object(file: Path, version: str) -> None:
    for manifest in manifests(merged(read(file), {"kubeVersionOverride": version})):
        validate(manifest, version)


def test_the_check_of_the_schemas_finds_a_wrong_field() -> None:
    for manifest in manifests(read(CHART / "ci/everything-values.yaml")):
        if "spec" in manifest:
            with pytest.raises((jsonschema.ValidationError, kubernetes_validate.ValidationError)):
                validate(merged(manifest, {"spec": {"nonsense": 1}}), NEWEST)


def test_the_oldest_version_is_the_one_of_the_chart() -> None:
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["kubeVersion"] == f">={OLDEST}-0"


def test_pods_pass_podsecurity_restricted(file: Path) -> None:
    for spec in pods(manifests(read(file))):
        assert podsecurity.violations(spec) == []


def test_every_object_has_name_namespace_and_labels(file: Path) -> None:
    for manifest in manifests(read(file)):
        if manifest["metadata"]["name"].startswith("digits-model-sidecar"):
            labels = manifest["metadata"]["labels"]
            assert manifest["metadata"]["namespace"] == "models"
            assert labels["app.kubernetes.io/instance"] == "digits"
            assert labels["app.kubernetes.io/managed-by"] == "Helm"


def test_every_container_has_resources_and_a_read_only_root(file: Path) -> None:
    for spec in pods(manifests(read(file))):
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            assert {"requests", "limits"} <= container["resources"].keys(), container["name"]
            assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_no_name_comes_twice_in_a_list_that_is_applied_by_name(file: Path) -> None:
    for spec in pods(manifests(read(file))):
        everything = [*spec.get("initContainers", []), *spec["containers"]]
        groups = [everything, spec.get("volumes", []), *(c.get("env", []) for c in everything)]
        for group in groups:
            names = [one["name"] for one in group]
            assert len(names) == len(set(names))


def test_no_image_is_of_a_moving_tag(file: Path) -> None:
    for spec in pods(manifests(read(file))):
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            assert ":" in container["image"]
            assert not container["image"].endswith(":latest")


def test_a_service_and_a_budget_select_the_pods_that_serve_and_no_other(file: Path) -> None:
    objects = manifests(read(file))
    (serving,) = [o for o in objects if o["kind"] == "Deployment"]
    pod = serving["spec"]["template"]["metadata"]["labels"].items()
    test = [o["metadata"]["labels"].items() for o in objects if o["kind"] == "Pod"]
    for manifest in objects:
        spec = manifest.get("spec", {})
        if manifest["kind"] in ("Service", "PodDisruptionBudget"):
            selector = spec["selector"].get("matchLabels", spec["selector"])
            assert selector.items() <= pod
            assert not any(selector.items() <= labels for labels in test)
