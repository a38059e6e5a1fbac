"""The command line: `make bench` and `make bench-quick` call it."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import click

from bench import report, results, setup
from bench.machine import machine, versions
from bench.results import Result, Run
from bench.rows import ROWS
from bench.targets import PEERS
from bench.turns import Bench

PUBLISHED, PLOTS = setup.HERE / "RESULTS.md", "plots"
QUICK_PEERS = "fastapi"
_CHOICES = ", ".join(ROWS), ", ".join(peer.directory for peer in PEERS)


def _chosen(given: str, known: list[str], what: str) -> list[str]:
    names = given.replace(",", " ").split() or known
    if strangers := [name for name in names if name not in known]:
        raise click.UsageError(f"no {what} {', '.join(strangers)}: choose from {', '.join(known)}")
    return names


@click.command()
@click.option("--rows", default="", help=f"Measure these only, of {_CHOICES[0]}.")
@click.option("--peers", default="", help=f"Beside these only, of {_CHOICES[1]}.")
@click.option("--rounds", type=click.IntRange(1), default=5, help="How often all take their turn.")
@click.option("--seconds", type=click.IntRange(1), default=8, help="How long load lasts in a turn.")
@click.option("--quick", is_flag=True, help="Less of everything, in five minutes.")
@click.option("--command", default="make bench", help="What the report says that it was made by.")
def main(rows: str, peers: str, rounds: int, seconds: int, quick: bool, command: str) -> None:
    """Measure model-sidecar beside its peers, and write the report.

    A whole run writes benchmarks/RESULTS.md; a quick one, or one of some rows or peers, the same file below
    .cache/bench. Exit codes: 0 measured, whether or not the budgets are met, 1 what all rows need is missing,
    2 wrong usage.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what runs is ended on the way out
    chosen = _chosen(rows, list(ROWS), "row")
    names = _chosen(peers or QUICK_PEERS * quick, [peer.directory for peer in PEERS], "peer")
    beside = tuple(peer for peer in PEERS if peer.directory in names)
    rounds, seconds = (2, 2) if quick else (rounds, seconds)
    bench = Bench(rounds, seconds, quick, beside)
    setup.wrk()
    about, found = machine(bench), versions(bench)
    click.echo(f"quiet? {about['quiet']}", err=True)
    measured = tuple(result for name in chosen for result in _row(name, bench))
    whole = not quick and chosen == list(ROWS) and beside == PEERS
    _publish(Run(about, found, measured), command, PUBLISHED if whole else setup.CACHE / "RESULTS.md")


def _row(name: str, bench: Bench) -> list[Result]:
    """Measure a row; what cannot be measured is a line of the report, and the others go on."""
    click.echo(f"{name}", err=True)
    try:
        return ROWS[name](bench)
    except setup.Unavailable as reason:
        bench.say(f"not measured. {reason}")
        return [Result(name, f"Row `{name}`", "", {}, missing={"All of it": str(reason)})]


def _publish(run: Run, command: str, path: Path) -> None:
    """Write the report at `path` with its plots beside it, and print it."""
    data = setup.CACHE / "results.json"
    results.write(run, data)
    plots = path.parent / PLOTS
    drawn = _draw(data, plots)
    path.write_text(report.markdown(run, command, {name: f"{PLOTS}/{name}.svg" for name in drawn}))
    click.echo(report.markdown(run, command))
    click.echo(f"written to {path.relative_to(setup.ROOT)}", err=True)


def _draw(data: Path, plots: Path) -> list[str]:
    """Draw what there is to draw; returns the names of the plots. Without matplotlib there are none."""
    shutil.rmtree(plots, ignore_errors=True)
    plots.mkdir()
    tool = setup.HERE / "tools/plots"
    try:
        python = setup.venv(tool) / "python"
    except setup.Unavailable as reason:
        click.echo(f"no plots. {reason}", err=True)
    else:
        subprocess.run([python, tool / "draw.py", data, plots], check=True)
    return [name for name in report.PLOTS if (plots / f"{name}.svg").exists()]


if __name__ == "__main__":
    main(prog_name="bench")
