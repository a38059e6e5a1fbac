"""The scripts of the pipelines that need no registry and no cluster."""

import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipelines.project import Project, copy

# GitHub's command line as far as the scripts use it: it finds what FOUND has, and prints what it is to do.
GH = """#!/bin/sh
case "$1 $2" in
  *" list") echo "$FOUND" ;;
  *) echo "$@" ;;
esac
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the project."""
    return copy(tmp_path_factory.mktemp("project"))


@pytest.fixture
def github(tmp_path: Path) -> str:
    """A PATH that has GH."""
    (tmp_path / "gh").write_text(GH)
    (tmp_path / "gh").chmod(0o755)
    return f"{tmp_path}:{os.environ['PATH']}"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """A server that has /version."""
    (tmp_path / "version").write_text('{"version": "v7"}')
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=tmp_path))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_variables_that_are_set_pass(project: Project) -> None:
    assert project.run("scripts/require-env.sh", "ACR_NAME", ACR_NAME="digits") == ""


def test_every_missing_variable_is_named_with_the_heading_that_tells_of_it(project: Project) -> None:
    said = project.run(
        "scripts/require-env.sh",
        "ACR_NAME",
        "CLUSTER",
        "DNS_LABEL",
        fails=True,
        ACR_NAME="digits",
        CLUSTER="",
    )
    assert "ACR_NAME" not in said
    for name in ("CLUSTER", "DNS_LABEL"):
        assert f'{name} is not set: see "Let a pipeline deploy"' in said


def test_github_shows_a_missing_variable_on_the_page_of_the_run(project: Project) -> None:
    assert project.run("scripts/require-env.sh", "CLUSTER", fails=True, GITHUB_ACTIONS="true").startswith(
        "::error::CLUSTER"
    )


def test_release_notes_are_the_section_of_the_version(project: Project) -> None:
    text = "# Changes\n\n## [Unreleased]\n\n## [0.2.0] - 2026-12-01\n\n- new\n\n## [0.1.0]\n\n- old\n"
    (project.root / "CHANGELOG.md").write_text(text)
    assert project.run("make", "release-notes", "VERSION=0.2.0").strip() == "- new"
    assert project.run("make", "release-notes", "VERSION=0.1.0").strip() == "- old"


def test_a_version_without_notes_is_refused(project: Project) -> None:
    assert '"## [9.9.9]"' in project.run("make", "release-notes", "VERSION=9.9.9", fails=True)


def test_a_chart_that_is_not_at_the_version_is_not_packaged(project: Project) -> None:
    assert "version: 9.9.9" in project.run("make", "package", "VERSION=9.9.9", fails=True)


@pytest.mark.parametrize("target", ["smoke", "copy-images", "publish-model"])
def test_a_target_without_its_variable_says_how_to_call_it(project: Project, target: str) -> None:
    assert f"make {target} " in project.run("make", "--old-file", ".venv/.runnable", target, fails=True)


@pytest.mark.parametrize("target", ["test-compose", "test-release"])
def test_a_test_that_needs_azurite_names_the_variable(project: Project, target: str) -> None:
    words = ["make", "--old-file", ".venv/.installed", target]
    assert "AZURITE_IMAGE=…" in project.run(*words, fails=True, AZURITE_IMAGE="")


def test_the_smoke_test_says_which_model_answers(project: Project, site: str, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    assert '{"version": "v7"}' in project.run("scripts/smoke.sh", site, SUMMARY=str(summary))
    assert site in summary.read_text()


def test_the_smoke_test_fails_when_nobody_answers(project: Project) -> None:
    said = project.run("scripts/smoke.sh", "http://127.0.0.1:1", fails=True, SMOKE_SECONDS="1")
    assert "http://127.0.0.1:1 does not answer" in said


def test_the_newest_tested_commit_is_deployed(project: Project, github: str) -> None:
    assert project.run("scripts/tested-commit.sh", PATH=github, FOUND="0a1b2c").strip() == "0a1b2c"


def test_where_no_commit_is_tested_none_is_deployed(project: Project, github: str) -> None:
    said = project.run("scripts/tested-commit.sh", fails=True, PATH=github, FOUND="")
    assert "there is nothing to deploy" in said


@pytest.mark.parametrize(("open_issue", "does"), [("", "issue create --title"), ("7", "issue comment 7")])
def test_a_failed_run_opens_one_issue_and_adds_to_it(
    project: Project, github: str, open_issue: str, does: str
) -> None:
    words = ["scripts/report-failure.sh", "The nightly deploy failed", "https://example.com/run"]
    said = project.run(*words, PATH=github, FOUND=open_issue)
    assert said.startswith(does)
    assert "https://example.com/run" in said
