"""What the bench needs: installed once, and what cannot be had is told with the cure."""

import shutil
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from bench import setup
from bench.__main__ import main


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    monkeypatch.setattr(setup, "CACHE", tmp_path / "cache")
    return tmp_path / "cache"


def test_a_peer_that_cannot_be_installed_says_what_the_installer_said(cache: Path) -> None:
    peer = cache / "peer"
    peer.mkdir(parents=True)
    (peer / "requirements.txt").write_text("./is-not-there\n")
    with pytest.raises(setup.Unavailable, match=r"could not be installed: … .*is-not-there"):
        setup.venv(peer)
    assert not (cache / "venvs/peer/.installed").exists()


def test_a_peer_is_installed_once_until_its_pins_change(cache: Path) -> None:
    peer = cache / "peer"
    peer.mkdir(parents=True)
    (peer / "requirements.txt").write_text("# nothing\n")
    mark = setup.venv(peer) / "mark"
    mark.touch()
    setup.venv(peer)
    assert mark.exists()
    (peer / "requirements.txt").write_text("# nothing else\n")
    setup.venv(peer)
    assert not mark.exists()


def test_without_wrk_and_apt_the_cure_is_told(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(click.ClickException, match="install it"):
        setup.wrk()


@pytest.mark.parametrize("flag", ["--rows", "--peers"])
def test_an_unknown_row_or_peer_is_refused_with_those_there_are(flag: str) -> None:
    done = CliRunner().invoke(main, [flag, "small nonsense fastapi"])
    assert done.exit_code == 2
    assert "nonsense" in done.output
    assert "choose from" in done.output
