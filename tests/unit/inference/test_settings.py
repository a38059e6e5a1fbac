"""The settings, and what is said of wrong ones."""

from pathlib import Path

import onnxruntime
import pytest
from click.testing import CliRunner

from inference.cli import main
from inference.errors import SettingsError
from inference.options import OPTIONS
from inference.settings import read_settings


def test_fills_in_defaults(tmp_path: Path) -> None:
    settings = read_settings({"volume": str(tmp_path)})
    assert (settings.volume, settings.model, settings.port, settings.threads) == (tmp_path, (), 8080, None)
    assert (settings.max_body, settings.poll) == (64 * 2**20, 5.0)


def test_reads_models_repeated_or_as_a_list(tmp_path: Path) -> None:
    settings = read_settings({"volume": str(tmp_path), "model": ("a", "b,c d")})
    assert settings.model == ("a", "b", "c", "d")


def test_reports_all_problems_together_each_with_its_flag_and_cure(tmp_path: Path) -> None:
    wrong: dict[str, str | tuple[str, ...]] = {
        "volume": str(tmp_path / "none"),
        "port": "eighty",
        "poll": "0",
        "model": ("../x",),
        "threads": "0",
    }
    with pytest.raises(SettingsError) as caught:
        read_settings(wrong)
    problems = caught.value.problems
    assert [problem.split()[0] for problem in problems] == [
        "--volume",
        "--model",
        "--port",
        "--threads",
        "--poll",
    ]
    assert all(": " in problem for problem in problems)
    assert "create it, or mount" in problems[0]


def test_says_that_the_volume_is_missing_and_how_to_give_it() -> None:
    with pytest.raises(SettingsError, match="--volume: missing; give it, or set INFERENCE_VOLUME"):
        read_settings({})


def test_refuses_one_port_for_both(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="give two different ports"):
        read_settings({"volume": str(tmp_path), "port": "9090"})


def test_lets_the_system_choose_both_ports(tmp_path: Path) -> None:
    assert read_settings({"volume": str(tmp_path), "port": "0", "admin_port": "0"}).port == 0


def test_refuses_a_model_given_twice(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="'a': given twice"):
        read_settings({"volume": str(tmp_path), "model": ("a", "a")})


def test_the_command_tells_all_problems_and_exits_with_2() -> None:
    environment = {"INFERENCE_PORT": "x", "INFERENCE_QUEUE": "0"}
    result = CliRunner().invoke(
        main, ["serve", "--volume", "/nowhere", "--log-level", "loud"], env=environment
    )
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    flags = ("--volume", "--port", "--queue", "--log-level")
    assert [line.split()[1] for line in lines] == list(flags)


def test_a_flag_wins_over_its_variable() -> None:
    environment = {"INFERENCE_VOLUME": "/variable", "INFERENCE_PORT": "x"}
    result = CliRunner().invoke(main, ["serve", "--volume", "/flag"], env=environment)
    assert "'/flag'" in result.stderr
    assert "'/variable'" not in result.stderr


def test_help_names_every_flag_with_its_variable() -> None:
    text = CliRunner().invoke(main, ["serve", "--help"], terminal_width=300).output
    for option in OPTIONS:
        assert option.flag in text
        assert option.variable in text


def test_refuses_a_cache_that_is_not_there_or_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for name in ("none", "file"):
        with pytest.raises(SettingsError, match="no such directory; create it, or leave the flag out"):
            read_settings({"volume": str(tmp_path), "cache": str(tmp_path / name)})


def test_copies_are_for_the_cpu_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    with pytest.raises(SettingsError, match="--cache: copies are optimised for --provider cpu only"):
        read_settings({"volume": str(tmp_path), "cache": str(tmp_path), "provider": "cuda"})


def test_refuses_a_provider_that_is_not_installed(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["serve", "--volume", str(tmp_path), "--provider", "openvino"])
    assert done.exit_code == 2
    assert "build the image with --build-arg ONNXRUNTIME=openvino" in done.stderr
