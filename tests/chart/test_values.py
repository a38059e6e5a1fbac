"""Each value does what its comment says; a value without a row in table.py fails the last test."""

from typing import Any

import pytest
import yaml

from chart.rendering import CHART, Manifest, at, find, manifests, merged, nested, values
from chart.table import ANY, ON, ROWS, Row

ELSEWHERE = {"nameOverride", "fullnameOverride"}
"""Values that change the names by which the objects are found here; test_names.py has them."""


def lookup(objects: list[Manifest], where: str) -> Any:
    """Find what `Kind/path/to/field` leads to; `~` stands for a slash in a key."""
    kind, _, path = where.partition("/")
    suffix = {"ConfigMap": "-dashboard", "Pod": "-test"}.get(kind, "")
    found: Any = find(objects, kind, suffix)
    for part in path.split("/"):
        found = at(found, part) if "~" not in part else found.get(part.replace("~", "/"))
    return found


@pytest.mark.parametrize("one", ROWS, ids=lambda one: f"{one[0]}={one[1]}"[:60])
def test_a_value_is_found_where_it_belongs(one: Row) -> None:
    path, value, where, expected, given = one
    found = lookup(manifests(merged(values(), ON, given, nested(path, value))), where)
    if expected is ANY:
        assert found is not None
    elif (isinstance(found, list) and isinstance(expected, str)) or where.endswith("expr"):
        assert expected in found or found.endswith(expected)
    else:
        assert found == expected


def documented(value: Any, path: str = "") -> list[str]:
    """List the values of values.yaml that README.md documents."""
    readme = (CHART / "README.md").read_text()
    if f"| `{path}` |" in readme:
        return [path]
    return [
        one for key, child in value.items() for one in documented(child, f"{path}.{key}" if path else key)
    ]


def test_every_value_has_a_row() -> None:
    paths = set(documented(yaml.safe_load((CHART / "values.yaml").read_text())))
    assert paths == {path for path, *_ in ROWS} | ELSEWHERE
