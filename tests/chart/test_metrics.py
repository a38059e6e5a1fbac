"""Alerts and the dashboard ask only for metrics that the programs have, by labels that those have."""

import json
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import promql_parser
import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import REGISTRY

import inference.observe.exposition
import inference.observe.metrics
from chart.rendering import CHART, find, manifests, values
from model_fetcher import status
from model_fetcher.watch import State

SELECTOR = re.compile(r"\b(modelsidecar_\w+)(?:\{([^}]*)\})?")
TARGET = {"namespace", "pod"}
"""Labels that Prometheus adds to whatever it scrapes."""
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


def fetched() -> Iterator[Metric]:
    """Collect the fetcher's metrics of one model that is on disk."""
    state = State(began=0.0, current="v1", digest="d")
    watcher: Any = SimpleNamespace(delivery=SimpleNamespace(model="digits"), state=state)
    yield from status._Models([watcher]).collect()


def served() -> Iterator[Metric]:
    """Collect the server's metrics with one model in service."""
    one = SimpleNamespace(
        name="digits", version="v1", digest="d", since=SimpleNamespace(timestamp=lambda: 0.0)
    )
    registry: Any = SimpleNamespace(served=lambda: [one], ready=lambda: True)
    budget: Any = SimpleNamespace(threads=1, concurrency=1, cpus=1)
    yield from inference.observe.exposition.State(registry, budget).collect()
    yield from REGISTRY.collect()


def labels() -> dict[str, set[str]]:
    """Name the series that the programs have, each with its labels."""
    found: dict[str, set[str]] = {}
    for metric in [*fetched(), *served()]:
        declared = getattr(REGISTRY._names_to_collectors.get(metric.name), "_labelnames", ())
        own = {name for sample in metric.samples for name in sample.labels} | set(declared)
        for suffix in SUFFIXES.get(metric.type, ("",)):
            found[metric.name + suffix] = own | ({"le"} if suffix == "_bucket" else set())
    return found


def expressions() -> list[str]:
    """Collect every expression of the rules and of the dashboard."""
    rule = find(manifests(values(metrics__prometheusRule__enabled=True)), "PrometheusRule")
    dashboard = json.loads((CHART / "dashboards/model-sidecar.json").read_text())
    panels = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    variables = [one["query"] for one in dashboard["templating"]["list"]]
    return [one["expr"] for one in rule["spec"]["groups"][0]["rules"]] + panels + variables


KNOWN = labels()
USED = sorted({match for expression in expressions() for match in SELECTOR.findall(expression)})


@pytest.mark.parametrize(("name", "selector"), USED)
def test_a_metric_that_is_asked_for_exists_with_its_labels(name: str, selector: str) -> None:
    assert name in KNOWN
    assert set(re.findall(r"(\w+)\s*(?:=~|!~|=|!=)", selector)) <= KNOWN[name] | TARGET


def test_labels_that_are_summed_by_exist() -> None:
    for expression in expressions():
        known = set().union(*(KNOWN[name] for name, _ in SELECTOR.findall(expression)), TARGET)
        for group in re.findall(r"\b(?:by|on) \(([^)]*)\)", expression):
            assert {name.strip() for name in group.split(",")} <= known, expression


def test_the_check_knows_series_of_both_programs() -> None:
    assert {"modelsidecar_fetch_polls_total", "modelsidecar_inference_requests_total"} <= KNOWN.keys()
    assert "modelsidecar_fetch_nonsense" not in KNOWN


def test_every_expression_is_promql() -> None:
    for expression in expressions():
        if expression.startswith(("label_values", "prometheus")):
            continue
        promql_parser.parse(expression.replace("$__rate_interval", "5m"))


def test_without_a_fetcher_there_are_no_alerts_about_it() -> None:
    given = {
        "fetcher": {"enabled": False},
        "volume": {"type": "none"},
        "metrics": {"prometheusRule": {"enabled": True}},
    }
    rules = find(manifests(given), "PrometheusRule")["spec"]["groups"][0]["rules"]
    assert not any("modelsidecar_fetch" in rule["expr"] for rule in rules)
    assert rules


def test_each_alert_says_what_is_wrong_and_what_to_do() -> None:
    rules = find(manifests(values(metrics__prometheusRule__enabled=True)), "PrometheusRule")["spec"][
        "groups"
    ][0]["rules"]
    for rule in rules:
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"].keys() == {"summary", "description"}
        assert re.search(r"\{\{ \$(labels|value)", rule["annotations"]["summary"])
