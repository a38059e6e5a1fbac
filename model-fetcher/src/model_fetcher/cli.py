"""The command line: `model-fetcher fetch|watch|publish|versions|promote|rollback|verify`."""

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from model_fetcher import __version__, cli_publish, options, sidecar
from model_fetcher.errors import FetcherError
from model_fetcher.logs import log_uncaught
from model_fetcher.options import DURATION, INTERVAL, URL, Command, option
from model_fetcher.settings import Settings

_HELP = """Keep a volume equal to a model in blob storage, and publish models to it.

SOURCE is the root of a model: file:///DIR/MODEL, az://ACCOUNT/CONTAINER/PREFIX/MODEL,
s3://BUCKET/PREFIX/MODEL or gs://BUCKET/PREFIX/MODEL. The sign-in takes what is set. Azure:
AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN, workload identity, else
DefaultAzureCredential. S3: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, web identity, else the role of the
machine. Google: GOOGLE_SERVICE_ACCOUNT_KEY, else application default credentials.

Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 access denied, 5 damaged, 6 volume, 7 bundle
refused, 8 conflict.
"""


@click.group(help=_HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="model-fetcher")
def cli() -> None:
    """See `_HELP`."""


def _delivery_options(command: Callable[..., None]) -> Callable[..., None]:
    """What `fetch` and `watch` have in common."""
    folder = click.Path(file_okay=False, path_type=Path)
    for decorate in (
        options.argument("source", type=options.SOURCE, nargs=-1, required=True),
        option("--volume", required=True, type=folder, help="Where the models go."),
        option("--model", type=options.MODEL, help="Its name, if not the source's last part."),
        option("--channel", type=options.CHANNEL, default="stable", help="The channel to follow."),
        option("--keep", type=click.IntRange(1), default=2, help="Versions to keep on disk."),
        option("--grace", type=DURATION, default="5m", help="A replaced version stays as long."),
        option("--pod", show_default="host name", help="Who this is in a partial rollout."),
        options.store_options,
    )[::-1]:
        command = decorate(command)
    return command


@cli.command("fetch", cls=Command)
@_delivery_options
@option("--version", type=options.VERSION, help="This version instead of the channel's.")
def fetch(**flags: Any) -> None:
    """Bring each SOURCE to the volume once, then exit."""
    sidecar.fetch(_settings(flags))


@cli.command("watch", cls=Command)
@_delivery_options
@option("--interval", type=INTERVAL, default="60s", help="Time between polls, ± 20 %.")
@option(
    "--admin-port",
    type=click.IntRange(0, 65535),
    default=9091,
    help="Health, readiness, status, metrics, POST /sync.",
)
@option(
    "--give-up-after",
    type=DURATION,
    default="0s",
    help="Without a model on disk, exit with the error after failing for so long; 0s: never.",
)
@option(
    "--confirm-url",
    type=URL,
    default="",
    help="Ask this URL, e.g. http://127.0.0.1:8080/v2/repository/index, which version serves; "
    "undo a version that is refused.",
)
@option(
    "--confirm-timeout",
    type=DURATION,
    default="60s",
    help="How long a server that answers may take to serve a version.",
)
def watch(**flags: Any) -> None:
    """Keep the volume equal to each SOURCE until SIGTERM; SIGHUP polls at once."""
    sidecar.watch(_settings(flags))


def _settings(flags: dict[str, Any]) -> Settings:
    given = {name: value for name, value in flags.items() if value is not None}
    settings = Settings(**given)
    if settings.model and len(settings.source) > 1:
        raise click.UsageError("--model names one model, and there are several sources: leave it out")
    try:
        models = settings.models()
    except FetcherError as error:
        raise click.UsageError(f"{error}; or name it with --model") from error
    if len(models) < len(settings.source):
        raise click.UsageError("two sources have the same model name: rename one, or run two fetchers")
    return settings


cli_publish.add_to(cli)


def main() -> None:
    """Entry point of the console script."""
    log_uncaught()
    code: Any = 0
    try:
        cli.main(prog_name="model-fetcher")
    except SystemExit as end:
        code = end.code
    logging.shutdown()
    sys.stdout.flush()
    # Not sys.exit: it would wait for ranges under way, and a store that is away can take half a minute.
    os._exit(code if isinstance(code, int) else 1)
