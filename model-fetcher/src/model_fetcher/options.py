"""Flags: each has its environment variable by rule, and all that is wrong is told at once.

`--give-up-after` is `MODEL_FETCHER_GIVE_UP_AFTER`, the argument `SOURCE` is `MODEL_FETCHER_SOURCE`. A
flag wins over its variable.
"""

import logging
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import click

from model_fetcher.errors import FetcherError
from model_fetcher.logs import flush, set_up
from model_fetcher.names import check_name
from model_fetcher.sources import parse_source
from model_fetcher.sources.auth import METHODS

log = logging.getLogger(__name__)

ENV_PREFIX = "MODEL_FETCHER_"
_PROBLEMS = "model_fetcher.problems"
# How long the log may take at the end of a command.
_FLUSH_SECONDS = 1.0
_LEVELS = ("debug", "info", "warning", "error")
_FORMATS = ("auto", "json", "text")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class _Collecting(click.Parameter):
    """Notes what is wrong with a value instead of raising at the first."""

    def process_value(self, ctx: click.Context, value: Any) -> Any:
        """See click.Parameter.process_value."""
        try:
            return super().process_value(ctx, value)
        except click.UsageError as error:
            error.ctx, error.param = ctx, self  # type: ignore[attr-defined]
            ctx.meta.setdefault(_PROBLEMS, []).append(error.format_message())
            return None


class Option(_Collecting, click.Option):
    """A flag with its environment variable."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"show_default": True, "show_envvar": True} | kwargs)
        flag = max(self.opts, key=len).lstrip("-")
        self.envvar = self.envvar or ENV_PREFIX + flag.replace("-", "_").upper()


class Argument(_Collecting, click.Argument):
    """A positional argument with its environment variable."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.envvar = ENV_PREFIX + (self.name or "").upper()


option = partial(click.option, cls=Option)
argument = partial(click.argument, cls=Argument)


class Command(click.Command):
    """A command that reports all problems of its parameters together, and ends with its error's code."""

    def invoke(self, ctx: click.Context) -> Any:
        """See click.Command.invoke."""
        set_up(ctx.params.pop("log_level"), ctx.params.pop("log_format"))
        try:
            return super().invoke(ctx)
        except FetcherError as error:
            log.error(str(error), extra={"exit_code": error.exit_code})
            ctx.exit(error.exit_code)
        finally:
            flush(_FLUSH_SECONDS)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """See click.Command.parse_args."""
        rest = super().parse_args(ctx, args)
        if problems := ctx.meta.get(_PROBLEMS):
            raise click.UsageError("\n".join(problems), ctx)
        return rest


class Parsed(click.ParamType[Any, Any]):
    """A parameter type made of a function that takes a text and raises FetcherError with the cure."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See click.ParamType.convert."""
        try:
            return self._parse(str(value))
        except FetcherError as error:
            self.fail(str(error), param, ctx)


def parse_duration(text: str) -> float:
    """A time with its unit, as seconds: `500ms`, `60s`, `5m`, `1h`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h)", text)
    if match is None:
        raise FetcherError(f"{text!r} is not a time: give a number with ms, s, m or h, e.g. 30s")
    return float(match[1]) * _UNITS[match[2]]


def parse_interval(text: str) -> float:
    """A time between polls: not none at all, which would keep a core and the store busy."""
    if seconds := parse_duration(text):
        return seconds
    raise FetcherError(f"{text!r} leaves no time between polls: give e.g. 60s")


def parse_url(text: str) -> str:
    """The URL of an HTTP server, without credentials: those would be told in logs. Empty for none."""
    if text and not re.fullmatch(r"https?://[^\s/?#@]+[^\s?#@]*", text):
        raise FetcherError("give a URL as https://HOST/PATH, without user, password and query")
    return text


def parse_pair(text: str) -> tuple[str, str]:
    """`KEY=VALUE` as key and value."""
    key, sign, value = text.partition("=")
    if not key or not sign:
        raise FetcherError(f"{text!r} is not KEY=VALUE, e.g. accuracy=0.97")
    return key, value


DURATION = Parsed("duration", parse_duration)
INTERVAL = Parsed("duration", parse_interval)
URL = Parsed("url", parse_url)
SOURCE = Parsed("source", parse_source)
PAIR = Parsed("key=value", parse_pair)
MODEL = Parsed("model", partial(check_name, "model"))
VERSION = Parsed("version", partial(check_name, "version"))
CHANNEL = Parsed("channel", partial(check_name, "channel"))


def store_options(command: Callable[..., None]) -> Callable[..., None]:
    """What every command takes: how to sign in, and how to log."""
    level, form = click.Choice(_LEVELS), click.Choice(_FORMATS)
    for decorate in (
        option("--auth", type=click.Choice(METHODS), default="auto", help="How to sign in."),
        option(
            "--endpoint",
            type=URL,
            default="",
            help="URL of the store, if not the public one of Azure, AWS or Google.",
        ),
        option("--log-level", type=level, default="info", help="The least that is told."),
        option("--log-format", type=form, default="auto", help="auto: text on a terminal, else JSON."),
    )[::-1]:
        command = decorate(command)
    return command
