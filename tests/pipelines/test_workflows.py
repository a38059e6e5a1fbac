"""Both pipelines: valid for their schemas, locked down, and without logic of their own."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yaml"))
AZURE = ROOT / "azure-pipelines.yml"
TARGETS = set(
    re.findall(
        r"^([a-z0-9-]+):", "".join(f.read_text() for f in [ROOT / "Makefile", *ROOT.glob("make/*.mk")]), re.M
    )
)
DEPLOYING = {"push-images", "image-values", "deploy", "smoke"}
SCHEMAS = [
    *(("github-workflows", file) for file in WORKFLOWS),
    ("dependabot", ROOT / ".github/dependabot.yml"),
    ("github-issue-config", ROOT / ".github/ISSUE_TEMPLATE/config.yml"),
    ("github-issue-forms", ROOT / ".github/ISSUE_TEMPLATE/bug.yml"),
    ("github-issue-forms", ROOT / ".github/ISSUE_TEMPLATE/idea.yml"),
    ("compose-spec", ROOT / "compose.yaml"),
]


def jobs() -> list[Any]:
    """Return every job of every workflow, named."""
    return [
        pytest.param(job, id=f"{file.stem}-{name}")
        for file in WORKFLOWS
        for name, job in yaml.safe_load(file.read_text())["jobs"].items()
    ]


def steps(job: dict[str, Any], uses: str) -> list[dict[str, Any]]:
    """Return the steps that run an action."""
    return [step for step in job.get("steps", []) if step.get("uses", "").startswith(f"{uses}@")]


def validate(schema: str, file: Path) -> None:
    """Validate a file against the schema that its service publishes."""
    words = [
        "check-jsonschema",
        "--regex-variant",
        "nonunicode",
        "--builtin-schema",
        f"vendor.{schema}",
        str(file),
    ]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("schema", "file"), SCHEMAS, ids=lambda value: getattr(value, "name", value))
def test_is_valid_for_its_schema(schema: str, file: Path) -> None:
    validate(schema, file)


def test_the_azure_pipeline_is_valid_for_its_schema(tmp_path: Path) -> None:
    # To Azure Pipelines every scalar is a string; template expressions are resolved before the schema counts.
    pipeline = yaml.load(AZURE.read_text(), yaml.BaseLoader)
    for step in pipeline["stages"][2]["jobs"][0]["strategy"]["runOnce"]["deploy"]["steps"]:
        step.pop("env", None)
    file = tmp_path / "azure-pipelines.json"
    file.write_text(json.dumps(pipeline))
    validate("azure-pipelines", file)


def test_the_compose_file_takes_the_images_of_the_chart() -> None:
    version = yaml.safe_load((ROOT / "chart/Chart.yaml").read_text())["appVersion"]
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    assert {name: service["image"] for name, service in services.items()} == {
        name: f"${{REGISTRY:-localhost}}/{name}:${{TAG:-{version}}}"
        for name in ("inference", "model-fetcher")
    }


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_has_no_rights_but_those_of_its_jobs(file: Path) -> None:
    assert yaml.safe_load(file.read_text())["permissions"] == {}


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_actions_are_pinned_to_a_commit_and_name_their_version(file: Path) -> None:
    used = re.findall(r"^ *(?:- )?uses: (.*)", file.read_text(), re.M)
    assert used
    assert [use for use in used if not re.fullmatch(r"\S+@[0-9a-f]{40} # v\d+\.\d+\.\d+|\./\S+", use)] == []


@pytest.mark.parametrize("job", jobs())
def test_a_job_has_an_end_and_keeps_no_token(job: dict[str, Any]) -> None:
    assert "permissions" in job
    assert "uses" in job or job["timeout-minutes"] <= 60
    assert all(step["with"]["persist-credentials"] is False for step in steps(job, "actions/checkout"))


@pytest.mark.parametrize("job", jobs())
def test_no_expression_reaches_a_shell(job: dict[str, Any]) -> None:
    assert not [step["run"] for step in job.get("steps", []) if "${{" in step.get("run", "")]


@pytest.mark.parametrize("job", [job for job in jobs() if steps(job.values[0], "azure/login")])
def test_a_job_that_needs_azure_looks_at_its_variables_first(job: dict[str, Any]) -> None:
    first = next(step["run"] for step in job["steps"] if "run" in step)
    assert "scripts/require-env.sh " in first
    assert job["steps"].index(steps(job, "azure/login")[0]) > 0
    wanted = set(re.findall(r"\b[A-Z_]{3,}\b", first))
    assert wanted == {name for name, value in job["env"].items() if value.startswith("${{ vars.")}


def test_every_variable_that_is_asked_for_is_in_the_guide() -> None:
    guide = (ROOT / "docs/azure.md").read_text()
    text = "".join(file.read_text() for file in [*WORKFLOWS, AZURE])
    wanted = set(re.findall(r"\bvars\.([A-Z_]+)", text))
    assert wanted
    assert [name for name in sorted(wanted) if not re.search(rf"^\|.*`{name}`", guide, re.M)] == []


def test_every_target_and_script_that_a_pipeline_calls_is_there() -> None:
    text = "".join(file.read_text() for file in [*WORKFLOWS, AZURE])
    called = set(re.findall(r"\bmake (?:-C tools )?([a-z][a-z0-9-]*)", text))
    assert called >= DEPLOYING | {
        "lint",
        "test",
        "chart-check",
        "e2e",
        "package",
        "push-chart",
        "publish-model",
    }
    assert called - TARGETS == set()
    for script in set(re.findall(r"scripts/[a-z-]+\.sh", text)):
        assert os.access(ROOT / script, os.X_OK), script


def test_both_pipelines_deploy_through_the_same_targets() -> None:
    github = "".join((ROOT / f".github/workflows/{name}.yaml").read_text() for name in ("images", "nightly"))
    for target in DEPLOYING:
        assert f"make {target}" in github
        assert f"make {target}" in AZURE.read_text()
