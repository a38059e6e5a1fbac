"""Our metrics under the names that Triton has for them, so that its dashboards show this server, too. Pure.

Source: `docs/user_guide/metrics.md` of github.com/triton-inference-server/server. Its durations are counters
of microseconds; what this server does not have (caches, GPUs, responses in parts) is left out.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric

from inference.observe.metrics import PREFIX

_ROUTES = ("infer", "score")
_STAGES = {
    "queue": "queue_duration_us", "pre": "compute_input_duration_us",
    "infer": "compute_infer_duration_us", "post": "compute_output_duration_us",
}  # fmt: skip
_HELP = {
    "request_success": "Requests that were answered",
    "request_failure": "Requests that failed",
    "count": "Inferences, each of a batch counted",
    "exec_count": "Runs of a model",
    "request_duration_us": "Time of requests, in all",
    **{name: f"Time of requests in the stage {stage}, in all" for stage, name in _STAGES.items()},
}
Totals = Mapping[tuple[str, str], float]


def renamed(families: Iterable[Metric]) -> Iterator[Metric]:
    """Yield Triton's metrics, made of ours."""
    found: dict[str, dict[tuple[str, str], float]] = {name: defaultdict(float) for name in _HELP}
    waiting = 0.0
    for family in families:
        for sample in family.samples:
            if sample.name == f"{PREFIX}_queue_length":
                waiting += sample.value
            elif name := _name(sample.name.removeprefix(PREFIX), sample.labels):
                of = sample.labels["model"], sample.labels["version"]
                in_all = (name, "request_duration_us") if name in _STAGES.values() else (name,)
                for counter in in_all:
                    found[counter][of] += sample.value * (1e6 if name in _STAGES.values() else 1)
    for name, totals in found.items():
        yield _counter(name, totals)
    yield GaugeMetricFamily("nv_inference_pending_request_count", "Requests that wait", waiting)


def _name(sample: str, labels: Mapping[str, str]) -> str | None:
    if sample == "_requests_total" and labels["route"] in _ROUTES and labels["version"]:
        return "request_success" if labels["status"] == "200" else "request_failure"
    if sample == "_stage_seconds_sum":
        return _STAGES[labels["stage"]]
    return {"_batch_size_sum": "count", "_batch_size_count": "exec_count"}.get(sample)


def _counter(name: str, totals: Totals) -> Metric:
    # Triton's counters end without the `_total` that Prometheus' library would add.
    family = Metric(f"nv_inference_{name}", _HELP[name], "counter")
    reason = {"reason": "OTHER"} if name == "request_failure" else {}
    for (model, version), value in totals.items():
        family.add_sample(family.name, {"model": model, "version": version, **reason}, value)
    return family
