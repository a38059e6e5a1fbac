"""A run as Markdown: for benchmarks/RESULTS.md and, as it is, for a terminal."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from bench.results import OURS, Budget, Result, Run
from bench.stats import median, ratio, short, spread

PLOTS = {
    "throughput": "Throughput beside the peers",
    "latency-over-swaps": "Latency while versions are swapped under full load",
    "memory-over-swaps": "Memory of the server over the swaps of a large model",
}


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table whose columns are as wide in a terminal, all but the first to the right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        first, *others = zip(cells, widths, strict=True)
        padded = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
        return f"| {' | '.join(padded)} |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return [line(head), f"| {' | '.join(rule)} |", *map(line, rows)]


def section(result: Result) -> list[str]:
    """The lines of one result: its table, its notes and what is missing."""
    out = [f"### {result.title}", ""]
    if result.samples:
        out += [*_figures(result), ""]
    out += [f"- {note}" for note in result.notes]
    out += [f"- **{target}: not measured.** {reason}" for target, reason in result.missing.items()]
    return out if out[-1] == "" else [*out, ""]


def _figures(result: Result) -> list[str]:
    """The best first; with how many times better ours is, where it is one of them."""
    ranked = sorted(result.samples.items(), key=lambda item: median(item[1]), reverse=result.more_is_better)
    rows = [[name, short(median(values)), spread(values)] for name, values in ranked]
    head = ["", result.unit, "least to greatest"]
    if OURS in result.samples:
        head.append(f"{OURS} is")
        rows = [[*row, _compared(result, row[0])] for row in rows]
    return table(head, rows)


def _compared(result: Result, name: str) -> str:
    """How many times better or worse ours is than this one."""
    if name == OURS:
        return ""
    ours, theirs = result.samples[OURS], result.samples[name]
    return f"{short(ratio(ours, theirs) if result.more_is_better else ratio(theirs, ours))} x"


def budgets(results: Sequence[Result]) -> list[str]:
    """The table of all promises."""
    rows = [
        [
            f"{result.title}: {budget.what}",
            _bound(budget),
            short(budget.reached),
            "yes" if budget.met else "**no**",
        ]
        for result in results
        for budget in result.budgets
    ]
    return table(["budget", "must be", "is", "met"], rows) if rows else ["None was measured."]


def _bound(budget: Budget) -> str:
    return f"{'≥' if budget.at_least else '≤'} {budget.bound:g}"


def markdown(run: Run, command: str, plots: Mapping[str, str] = MappingProxyType({})) -> str:
    """The whole report; `plots` has the paths of those of PLOTS that were drawn."""
    out = [
        "# Benchmarks",
        "",
        f"Made by `{command}`. All of a table ran in turns on one machine. A figure is the median of the",
        "rounds; a comparison is the median of the rounds' ratios, and above 1 model-sidecar is better.",
        "",
        *(f"- {name}: {value}" for name, value in run.machine.items()),
        f"- versions: {', '.join(f'{name} {version}' for name, version in run.versions.items())}",
        "",
        "## Budgets",
        "",
        *budgets(run.results),
        "",
        "## Figures",
        "",
    ]
    for result in run.results:
        out += section(result)
    if plots:
        out += ["## Plots", ""]
        out += [f"![{PLOTS[name]}]({path})\n" for name, path in plots.items()]
    return "\n".join(out).rstrip("\n") + "\n"
