"""Flags and their variables, and all problems told together."""

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from model_fetcher.cli import cli
from model_fetcher.errors import FetcherError
from model_fetcher.options import Argument, Option, parse_duration, parse_pair
from unit.fetcher.stores import put


def run(*args: str, **env: str) -> Result:
    return CliRunner().invoke(cli, args, env={"COLUMNS": "200", **env})


def parameters() -> list[tuple[str, click.Parameter]]:
    return [(name, param) for name, command in cli.commands.items() for param in command.params]


@pytest.mark.parametrize(("command", "param"), parameters())
def test_every_parameter_has_its_variable_by_rule(command: str, param: click.Parameter) -> None:
    assert isinstance(param, Option | Argument)
    name = param.name if isinstance(param, Argument) else max(param.opts, key=len).removeprefix("--")
    assert param.envvar == "MODEL_FETCHER_" + str(name).upper().replace("-", "_")


def test_all_that_is_wrong_is_told_together_each_with_its_flag_and_variable() -> None:
    said = run(
        "watch", "ftp://x/y", "--keep", "0", "--interval", "soon", "--channel", "../x", "--auth", "magic",
        "--confirm-url", "localhost:8080", "--admin-port", "70000",
    )  # fmt: skip
    assert said.exit_code == 2
    flags = ("--volume", "--keep", "--interval", "--channel", "--auth", "--confirm-url", "--admin-port")
    for flag in flags:
        assert flag in said.stderr
        assert "MODEL_FETCHER_" + flag.removeprefix("--").replace("-", "_").upper() in said.stderr
    assert "unknown scheme" in said.stderr
    assert "give a number with ms, s, m or h" in said.stderr


def test_what_is_wrong_in_a_variable_is_told_too() -> None:
    said = run("fetch", "file:///x/digits", MODEL_FETCHER_KEEP="many", MODEL_FETCHER_GRACE="5")
    assert said.exit_code == 2
    assert "MODEL_FETCHER_KEEP" in said.stderr
    assert "MODEL_FETCHER_GRACE" in said.stderr
    assert "MODEL_FETCHER_VOLUME" in said.stderr


def test_variables_do_what_flags_do_and_flags_win(root: Path, tmp_path: Path) -> None:
    put(root, "v1", channel="canary")
    put(root, "v2", {"model.onnx": b"two"}, channel="stable")
    env = {"MODEL_FETCHER_SOURCE": root.as_uri(), "MODEL_FETCHER_VOLUME": str(tmp_path / "volume")}
    assert run("fetch", MODEL_FETCHER_CHANNEL="canary", **env).exit_code == 0
    assert (tmp_path / "volume/digits/current").resolve().name == "v1"
    assert run("fetch", "--channel", "stable", MODEL_FETCHER_CHANNEL="canary", **env).exit_code == 0
    assert (tmp_path / "volume/digits/current").resolve().name == "v2"


def test_a_variable_may_hold_several_sources(tmp_path: Path) -> None:
    for model in ("digits", "letters"):
        put(tmp_path / "store" / model, "v1")
    sources = " ".join((tmp_path / "store" / model).as_uri() for model in ("digits", "letters"))
    assert run("fetch", "--volume", str(tmp_path / "v"), MODEL_FETCHER_SOURCE=sources).exit_code == 0
    assert (tmp_path / "v/letters/current/model.onnx").exists()


def test_a_flag_that_is_renamed_inside_keeps_its_variable(root: Path) -> None:
    put(root, "v1")
    assert json.loads(run("versions", root.as_uri(), MODEL_FETCHER_JSON="1").stdout)[0]["version"] == "v1"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["file:///x/digits", "file:///y/digits"], "two sources have the same model name"),
        (["file:///x/digits", "file:///y/letters", "--model", "m"], "--model names one model"),
        (["file:///x/not a name"], "or name it with --model"),
    ],
)
def test_sources_that_do_not_go_together_are_a_matter_of_usage(args: list[str], said: str) -> None:
    result = run("fetch", *args, "--volume", "/nowhere")
    assert result.exit_code == 2
    assert said in result.stderr


def test_an_error_is_one_line_with_its_code(root: Path, tmp_path: Path) -> None:
    result = run("fetch", root.as_uri(), "--volume", str(tmp_path))
    assert result.exit_code == 3
    line = json.loads(result.stderr.splitlines()[-1])
    assert (line["level"], line["exit_code"]) == ("error", 3)
    assert "there is nothing at" in line["message"]


@pytest.mark.parametrize(
    "url", ["http://user:SECRET@host/x", "http://host/x?sig=SECRET", "host:8080", "ftp://host"]
)
def test_an_endpoint_is_a_url_without_secrets_for_those_would_be_logged(url: str) -> None:
    result = run("versions", "az://acct/c/digits", "--endpoint", url)
    assert result.exit_code == 2
    assert "'--endpoint'" in result.stderr
    assert "SECRET" not in result.output


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("60s", 60), ("1.5m", 90), ("2h", 7200), ("0s", 0), ("20ms", 0.02)]
)
def test_reads_a_duration(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "s", "-1s", "1 s", "1d", "1e3s", "infs", "5s\n"])
def test_refuses_what_is_no_duration(text: str) -> None:
    with pytest.raises(FetcherError, match="is not a time: give a number with ms, s, m or h"):
        parse_duration(text)


def test_polls_need_some_time_between_them() -> None:
    said = run("watch", "file:///x/digits", "--volume", "/nowhere", "--interval", "0ms")
    assert said.exit_code == 2
    assert "leaves no time between polls" in said.stderr


def test_reads_a_pair() -> None:
    assert parse_pair("accuracy=0.97=x") == ("accuracy", "0.97=x")
    for text in ("accuracy", "=0.97", ""):
        with pytest.raises(FetcherError, match=r"is not KEY=VALUE, e.g. accuracy=0.97"):
            parse_pair(text)


@pytest.mark.parametrize("command", [[], *([name] for name in cli.commands)])
def test_help_is_there(command: list[str]) -> None:
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert "Usage: " in result.stdout
