"""draw.py RESULTS.json DIRECTORY: draw what the bench found as SVG. Runs in its own venv, with matplotlib."""

import json
import statistics
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

OURS, COLOURS = "model-sidecar", ("#2563eb", "#9ca3af", "#dc2626")
plt.rcParams |= {
    "svg.hashsalt": "bench",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def panels(count: int, height: float) -> tuple:
    """A figure, and its axes one above the other."""
    figure, axes = plt.subplots(count, 1, figsize=(8, height * count), squeeze=False, layout="constrained")
    return figure, axes[:, 0]


def throughput(results: list[dict], path: Path) -> None:
    """A bar a target: the median, and the least and greatest round."""
    shown = [result for result in results if result["unit"] == "requests/s" and result["samples"]]
    if not shown:
        return
    figure, axes = panels(len(shown), 2.2)
    for axis, result in zip(axes, shown, strict=True):
        ranked = sorted(result["samples"].items(), key=lambda item: statistics.median(item[1]))
        for name, values in ranked:
            middle = statistics.median(values)
            errors = [[middle - min(values)], [max(values) - middle]]
            axis.barh(name, middle, xerr=errors, color=COLOURS[name != OURS], error_kw={"linewidth": 0.8})
            axis.annotate(f" {middle:,.4g}", (max(values), name), va="center")
        axis.set_title(result["title"], loc="left")
        axis.set_xlabel("requests/s")
        axis.margins(x=0.12)
    save(figure, path)


def swaps(results: list[dict], path: Path) -> None:
    """Median and 99th percentile of each tenth of a second, steady and over the swaps."""
    shown = [result for result in results if result["key"].startswith("swaps") and result["curves"]]
    if not shown:
        return
    figure, axes = panels(len(shown), 3)
    for axis, result in zip(axes, shown, strict=True):
        for colour, (phase, points) in zip((COLOURS[1], COLOURS[0]), result["curves"].items(), strict=True):
            at, middle, tail = zip(*points, strict=True)
            axis.plot(at, tail, color=colour, linewidth=1, label=f"{phase}: 99th percentile")
            axis.plot(at, middle, color=colour, linewidth=1, linestyle=":", label=f"{phase}: median")
        axis.set_title(result["title"], loc="left")
        axis.set(xlabel="seconds", ylabel="ms", yscale="log")
        axis.legend(fontsize=7, frameon=False, ncols=2)
    save(figure, path)


def memory(results: list[dict], path: Path) -> None:
    """Resident memory after each swap, and the budget."""
    shown = [result for result in results if result["key"] == "memory" and result["curves"]]
    if not shown:
        return
    (curve,), (budget,) = shown[0]["curves"].values(), shown[0]["budgets"]
    figure, (axis,) = panels(1, 3)
    axis.plot(range(len(curve)), curve, color=COLOURS[0], marker="o", markersize=3)
    axis.axhline(curve[0] * budget["bound"], color=COLOURS[2], linewidth=0.8, linestyle="--")
    axis.annotate("budget", (0, curve[0] * budget["bound"]), color=COLOURS[2], va="top")
    axis.set_title(shown[0]["title"], loc="left")
    axis.set(xlabel="swaps", ylabel="MiB", ylim=(0, None), xticks=range(0, len(curve), 5))
    save(figure, path)


def save(figure: plt.Figure, path: Path) -> None:
    """Write the figure: the same bytes for the same data."""
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    found, place = json.loads(Path(sys.argv[1]).read_text())["results"], Path(sys.argv[2])
    throughput(found, place / "throughput.svg")
    swaps(found, place / "latency-over-swaps.svg")
    memory(found, place / "memory-over-swaps.svg")
