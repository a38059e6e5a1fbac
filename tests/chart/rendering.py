"""Render the chart in this process with the real Helm library, and look at what came out."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import helm_python
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
CHART = ROOT / "chart"
SOURCE = "az://account/models/digits"
FILES = sorted([*CHART.glob("ci/*.yaml"), *CHART.glob("examples/*.yaml")])
OLDEST, NEWEST = "1.25.0", "1.37.0"
"""The Kubernetes versions between which the chart works; Chart.yaml says the oldest."""

Manifest = dict[str, Any]


@cache
def chart() -> helm_python.Chart:
    """Load the chart once."""
    return helm_python.Chart.load(CHART)


def nested(path: str, value: Any) -> dict[str, Any]:
    """Make `{"a": {"b": value}}` of `a.b`."""
    for key in reversed(path.split(".")):
        value = {key: value}
    return dict(value)


def merged(*maps: dict[str, Any]) -> dict[str, Any]:
    """Merge nested maps; the later one wins."""
    out: dict[str, Any] = {}
    for one in maps:
        for key, value in one.items():
            known = out.get(key)
            out[key] = merged(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return out


def values(**paths: Any) -> dict[str, Any]:
    """Make values with a source, from paths written with `__` for the dots."""
    nests = (nested(path.replace("__", "."), value) for path, value in paths.items())
    return merged(nested("model.source", SOURCE), *nests)


def texts(given: dict[str, Any], release: str = "digits") -> dict[str, str]:
    """Render every template; raises helm_python.HelmError where the values are refused."""
    return chart().render(given, name=release, namespace="models")


def manifests(given: dict[str, Any], release: str = "digits") -> list[Manifest]:
    """Render all objects, hooks among them."""
    rendered = texts(given, release).items()
    documents = (yaml.safe_load_all(text) for name, text in rendered if not name.endswith("NOTES.txt"))
    return [document for group in documents for document in group if document]


def notes(given: dict[str, Any]) -> str:
    """Render what `helm install` says at the end."""
    return texts(given)["model-sidecar/templates/NOTES.txt"]


def find(objects: list[Manifest], kind: str, suffix: str = "") -> Manifest:
    """Return the one object of a kind whose name ends in `suffix`."""
    found = [
        o for o in objects if o["kind"] == kind and o["metadata"]["name"] == f"digits-model-sidecar{suffix}"
    ]
    assert len(found) == 1, f"{len(found)} objects of kind {kind}"
    return found[0]


def deployment(given: dict[str, Any]) -> Manifest:
    """Render the Deployment."""
    return find(manifests(given), "Deployment")


def pod(given: dict[str, Any]) -> Manifest:
    """Render the spec of the pods."""
    spec: Manifest = deployment(given)["spec"]["template"]["spec"]
    return spec


def container(given: dict[str, Any], name: str) -> Manifest:
    """Render one container of the pods, wherever it is."""
    spec = pod(given)
    found = [c for c in [*spec.get("initContainers", []), *spec["containers"]] if c["name"] == name]
    assert len(found) == 1, f"{len(found)} containers named {name}"
    return dict(found[0])


def at(thing: Any, path: str) -> Any:
    """Look up `spec.ports.0.port`; a part may be `name=fetcher` to choose an item, None where nothing is."""
    for part in path.split("/"):
        if isinstance(thing, list):
            key, equals, wanted = part.partition("=")
            chosen = [one for one in thing if not equals or str(one.get(key)) == wanted]
            thing = (chosen[0] if chosen else None) if equals else thing[int(part)]
        elif thing is not None:
            thing = thing.get(part)
    return thing


def leaves(tree: dict[str, Any], default: dict[str, Any], path: str = "") -> Iterator[str]:
    """Yield the path of each value in a closed schema that has no children of its own."""
    for key, child in tree.get("properties", {}).items():
        here = f"{path}.{key}" if path else key
        if child.get("properties") and child.get("additionalProperties") is not True:
            yield from leaves(child, default, here)
        elif child.get("properties"):
            yield from (f"{here}.{name}" for name in child["properties"])
        else:
            yield here
