"""The schema is closed, typed and fresh."""

import json
import subprocess
import sys
from typing import Any

import helm_python
import pytest
import yaml

from chart.rendering import CHART, ROOT, nested, texts, values

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
WRONG = {"string": 7, "integer": "x", "number": "x", "boolean": "x", "array": "x", "object": "x"}


def nodes(schema: dict[str, Any], path: str = "") -> dict[str, dict[str, Any]]:
    """List every value of the schema by its path, maps among them."""
    found = {path: schema} if path else {}
    for key, child in schema.get("properties", {}).items():
        found |= nodes(child, f"{path}.{key}" if path else key)
    return found


NODES = nodes(SCHEMA)
CLOSED = [path for path, node in NODES.items() if node.get("additionalProperties") is False]


def refused(given: dict[str, Any]) -> str:
    """Return Helm's words about values that break the schema."""
    with pytest.raises(helm_python.HelmValuesError) as told:
        texts(given)
    return str(told.value)


def test_generated_files_are_fresh() -> None:
    command = [sys.executable, str(ROOT / "scripts/chart_docs.py"), "--check"]
    assert subprocess.run(command, capture_output=True, text=True).stderr == ""


def test_an_unknown_key_at_the_top_is_refused() -> None:
    assert "replicas" in refused({"replicas": 3})


@pytest.mark.parametrize("path", CLOSED)
def test_an_unknown_key_in_a_map_is_refused(path: str) -> None:
    assert "nonsense" in refused(nested(f"{path}.nonsense", 1))


@pytest.mark.parametrize("path", NODES)
def test_a_value_of_the_wrong_type_is_refused(path: str) -> None:
    types = NODES[path]["type"]
    wrong = True if types == ["string", "integer"] else WRONG[types[0] if isinstance(types, list) else types]
    assert path.replace(".", "/") in refused(nested(path, wrong))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("model.source", "account/models/digits"),
        ("kubeVersionOverride", "1.28.9+"),
        ("model.channel", "no/slash"),
        ("model.interval", "60"),
        ("model.interval", "0.0s"),
        ("model.path", "/a:b"),
        ("model.keep", 0),
        ("fullnameOverride", "Digits"),
        ("nameOverride", "a_b"),
        ("inference.image.tag", "a b"),
        ("inference.image.digest", "sha256:short"),
        ("service.type", "ExternalName"),
        ("service.port", 70000),
        ("service.azure.idleTimeoutMinutes", 3),
        ("podDisruptionBudget.minAvailable", "some"),
        ("metrics.monitor.interval", "often"),
        ("service.annotations", {"a": 1}),
        ("volume.type", "nfs"),
        ("metrics.prometheusRule.errorRatio", 2),
        ("extraContainers", [{"image": "x"}]),
    ],
)
def test_a_value_out_of_range_is_refused(path: str, value: Any) -> None:
    assert path.replace(".", "/") in refused(nested(path, value))


def test_every_default_passes_the_schema() -> None:
    assert texts(yaml.safe_load((CHART / "values.yaml").read_text()) | values())


def test_a_parent_chart_may_bring_globals_of_its_own() -> None:
    assert texts(values(global__other={"a": 1}))
