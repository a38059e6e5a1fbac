"""The report says what was found, and what was not."""

import json
from dataclasses import replace
from pathlib import Path

from bench.report import budgets, markdown, section, table
from bench.results import OURS, Budget, Result, Run, write

RESULT = Result(
    key="small-1",
    title="Digits",
    unit="requests/s",
    samples={"FastAPI": (10.0, 40.0, 20.0), OURS: (30.0, 80.0, 50.0)},
    missing={"KServe": "It could not be installed: … no such version"},
    budgets=(Budget(f"{OURS} / FastAPI", 2.5, 2.0), Budget("requests failed", 3, 0, at_least=False)),
    notes=("A note.",),
)
RUN = Run({"machine": "2 cores"}, {"inference": "1.2.3"}, (RESULT,))


def test_a_table_is_as_wide_in_a_terminal_as_its_widest_cells() -> None:
    assert table(["who", "n"], [["us", "1"], ["them", "200"]]) == [
        "| who  |   n |",
        "| ---- | --: |",
        "| us   |   1 |",
        "| them | 200 |",
    ]


def test_the_best_comes_first_and_says_how_much_better_it_is() -> None:
    lines = [line for line in section(RESULT) if line.startswith("| ")][2:]
    ours, theirs = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    assert ours == [OURS, "50.0", "30.0 to 80.0", ""]
    assert theirs == ["FastAPI", "20.0", "10.0 to 40.0", "2.50 x"]


def test_where_less_is_better_the_ratio_is_turned_round() -> None:
    times = replace(RESULT, unit="ms", more_is_better=False)
    (theirs,) = (line for line in section(times) if "FastAPI" in line)
    assert "0.400 x" in theirs
    assert section(times).index(theirs) < [OURS in line for line in section(times)].index(True, 3)


def test_figures_without_ours_among_them_are_not_compared() -> None:
    alone = replace(RESULT, samples={"steady": (1.0,)})
    assert " x |" not in "\n".join(section(alone))


def test_a_target_that_was_not_measured_is_named_with_the_reason() -> None:
    assert "- **KServe: not measured.** It could not be installed: … no such version" in section(RESULT)


def test_a_result_without_any_samples_has_no_table() -> None:
    nothing = replace(RESULT, samples={})
    assert not [line for line in section(nothing) if line.startswith("|")]


def test_each_budget_says_whether_it_is_met() -> None:
    _, _, kept, broken = budgets([RESULT])
    assert "≥ 2 " in kept
    assert kept.endswith(" yes |")
    assert "≤ 0 " in broken
    assert broken.endswith(" **no** |")


def test_a_run_without_budgets_says_so() -> None:
    assert budgets([replace(RESULT, budgets=())]) == ["None was measured."]


def test_the_report_says_how_where_and_with_what_it_was_made() -> None:
    text = markdown(RUN, "make bench")
    assert "`make bench`" in text
    assert "- machine: 2 cores" in text
    assert "- versions: inference 1.2.3" in text
    assert "## Plots" not in text


def test_the_report_shows_the_plots_that_were_drawn() -> None:
    text = markdown(RUN, "make bench", {"throughput": "plots/throughput.svg"})
    assert text.endswith("## Plots\n\n![Throughput beside the peers](plots/throughput.svg)\n")


def test_a_run_is_kept_as_json_for_the_plots(tmp_path: Path) -> None:
    write(RUN, tmp_path / "results.json")
    (kept,) = json.loads((tmp_path / "results.json").read_text())["results"]
    assert kept["samples"]["FastAPI"] == [10, 40, 20]
