"""The command that judges a bundle before it is published."""

import logging
import shlex
import sys
from pathlib import Path

import pytest

from model_fetcher.errors import BundleRefused, FetcherError
from model_fetcher.gate import default_check, run_check


def python(code: str) -> str:
    return shlex.join([sys.executable, "-c", code])


def test_a_bundle_that_passes_is_let_through_and_what_was_said_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    run_check(python("import sys; print('judged', sys.argv[1])"), tmp_path)
    assert f"judged {tmp_path}" in caplog.messages


def test_a_bundle_that_fails_is_refused_with_the_last_line_and_the_code(tmp_path: Path) -> None:
    code = "import sys; print('trace', file=sys.stderr); sys.exit('example 1: 7 is no 9')"
    with pytest.raises(BundleRefused, match=r"\(exit 1\): example 1: 7 is no 9; nothing was published"):
        run_check(python(code), tmp_path)


@pytest.mark.parametrize(
    ("code", "said"), [("print('no'); exit(3)", "(exit 3): no;"), ("exit(9)", "it said nothing")]
)
def test_a_check_that_says_nothing_on_stderr_still_gives_its_reason(
    tmp_path: Path, code: str, said: str
) -> None:
    with pytest.raises(BundleRefused) as error:
        run_check(python(code), tmp_path)
    assert said in str(error.value)


def test_a_check_that_is_killed_refuses(tmp_path: Path) -> None:
    with pytest.raises(BundleRefused, match=r"\(exit -9\)"):
        run_check(python("import os; os.kill(os.getpid(), 9)"), tmp_path)


def test_output_that_is_no_text_refuses_nothing(tmp_path: Path) -> None:
    run_check(python("import sys; sys.stdout.buffer.write(b'\\xff\\xfe ok')"), tmp_path)


@pytest.mark.parametrize("command", ["/no/such/program", "/"])
def test_a_check_that_cannot_run_is_named(tmp_path: Path, command: str) -> None:
    with pytest.raises(FetcherError, match=f"cannot run the check '{command}': .*correct --check"):
        run_check(command, tmp_path)


def test_a_check_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(FetcherError, match="--check"):
        run_check("judge 'unclosed", tmp_path)


def test_without_the_server_it_is_said_that_nothing_was_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert default_check() is None
    run_check(None, tmp_path)
    assert "unchecked" in caplog.text


def test_the_server_beside_this_program_comes_before_another_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("venv", "path"):
        program = tmp_path / folder / "inference"
        program.parent.mkdir()
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "venv/python"))
    assert default_check() == [str(tmp_path / "venv/inference"), "check"]
