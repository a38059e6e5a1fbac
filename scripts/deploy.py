"""Deploy the chart with Helm, and say what changed or, after a failure, what runs instead.

Exit codes: 0 deployed, 1 failed: what ran before runs again, or the message says that it does not.
"""

import argparse
import difflib
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class State:
    """What a release is made of."""

    revision: int = 0
    """0: the release is not there."""
    images: tuple[str, ...] = ()
    values: str = ""

    def __str__(self) -> str:
        return f"revision {self.revision}" if self.revision else "nothing"


def images(manifest: str) -> tuple[str, ...]:
    """Name every image of a rendered chart, sorted."""
    return tuple(sorted(set(re.findall(r"^\s*(?:- )?image: \"?([^\"\s]+)", manifest, re.MULTILINE))))


def pretty(values: dict[str, Any] | None) -> str:
    """Write values so that they can be compared line by line."""
    return json.dumps(values or {}, indent=2, sort_keys=True)


def report(title: str, before: State, after: State) -> str:
    """Write what changed from one state to the other as Markdown."""
    gone, come = set(before.images) - set(after.images), set(after.images) - set(before.images)
    pairs = [
        tuple(f"`{name}`" if name else "" for name in pair)
        for pair in zip_longest(sorted(gone), sorted(come))
    ]
    table = [f"| {old} | {new} |" for old, new in pairs] or ["| the same | the same |"]
    values = before.values.splitlines(), after.values.splitlines()
    changes = list(difflib.unified_diff(*values, "before", "now", n=1, lineterm="")) or ["(the same)"]
    head = [f"## {title}", "", "| images before | images now |", "|---|---|"]
    return "\n".join([*head, *table, "", "Values:", "", "```diff", *changes, "```", ""])


def failure(release: str, before: State, after: State) -> str:
    """Write what runs after a deploy that failed as Markdown."""
    if (after.images, after.values) != (before.images, before.values):
        return f"## {release}: the deploy failed, and the way back too\n\nSee `helm history {release}`.\n"
    if not before.revision:
        return f"## {release}: the deploy failed\n\nNothing ran before, and nothing runs now.\n"
    lines = [f"## {release}: the deploy failed", "", f"The previous release still runs ({before}):", ""]
    return "\n".join([*lines, *(f"- `{image}`" for image in before.images), ""])


def helm(*words: str) -> str:
    """Run Helm and return its output; its errors go through."""
    return subprocess.run(["helm", *words], check=True, stdout=subprocess.PIPE, text=True).stdout


def running(release: str, namespace: str) -> State:
    """Return the state that is deployed."""
    at = ["--namespace", namespace]
    found = json.loads(helm("list", *at, "--deployed", "--filter", f"^{release}$", "--output", "json"))
    if not found:
        return State()
    at += ["--revision", str(found[0]["revision"])]
    values = json.loads(helm("get", "values", release, *at, "--output", "json"))
    return State(int(at[-1]), images(helm("get", "manifest", release, *at)), pretty(values))


def in_namespace(name: str) -> list[str]:
    """Return what puts a release into a namespace; one that is there is not made, which few may do."""
    there = subprocess.run(["kubectl", "get", "namespace", name], capture_output=True).returncode == 0
    return ["--namespace", name] + ([] if there else ["--create-namespace"])


def upgrade(options: argparse.Namespace) -> list[str]:
    """Return the arguments of `helm upgrade`."""
    words = ["upgrade", "--install", options.release, options.chart, *in_namespace(options.namespace)]
    words += [word for file in options.values for word in ("--values", file)]
    words += [word for pair in options.set for word in ("--set-string", pair)]
    return words + (["--plain-http"] if options.plain_http else [])


def dry_run(options: argparse.Namespace, before: State) -> str:
    """Ask the cluster what would change, and change nothing."""
    said = helm(*upgrade(options), "--dry-run=server", "--hide-secret", "--output", "json")
    # Where a chart is pulled, Helm says so before the JSON.
    answer = json.loads(said[said.index("{") :])
    then = State(0, images(answer["manifest"]), pretty(answer.get("config")))
    return report(f"{options.release}: dry run, {before} stays", before, then)


def deploy(options: argparse.Namespace, before: State) -> tuple[int, str]:
    """Deploy, wait until the pods are ready, and go back if they do not become so."""
    safely = ["--rollback-on-failure", "--wait", "--timeout", options.timeout]
    done = subprocess.run(["helm", *upgrade(options), *safely], stdout=subprocess.DEVNULL)
    after = running(options.release, options.namespace)
    if done.returncode:
        return 1, failure(options.release, before, after)
    return 0, report(f"{options.release}: from {before} to {after}", before, after)


def arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("release")
    parser.add_argument("chart", help="a directory, an archive, or oci://…@sha256:…")
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--values", action="append", default=[], metavar="FILE")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--timeout", default="10m")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--plain-http", action="store_true", help="for a registry without TLS")
    parser.add_argument("--summary", type=Path, help="a Markdown file to add to")
    return parser.parse_args(words)


def main(words: list[str]) -> int:
    """Deploy as the command line says."""
    options = arguments(words)
    try:
        before = running(options.release, options.namespace)
        code, told = (0, dry_run(options, before)) if options.dry_run else deploy(options, before)
    except subprocess.CalledProcessError as error:
        code, told = 1, f"`{' '.join(error.cmd[:2])}` failed; what it said is in the log.\n"
    except FileNotFoundError as error:
        code, told = 1, f"{error.filename} is needed, and is not there.\n"
    print(told, file=sys.stderr if code else sys.stdout)
    if options.summary:
        with options.summary.open("a") as summary:
            summary.write(told)
    return code


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
