"""The command line: `inference serve` and `inference check`."""

import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from inference import __version__, logs
from inference.check import check_bundle
from inference.errors import Refused, SettingsError
from inference.http.sockets import open_sockets
from inference.logs import fields, logger
from inference.models.check_client import CheckServer
from inference.options import OPTIONS, Option
from inference.process import server
from inference.process.listeners import open_files
from inference.process.signals import Stop, leave
from inference.process.sockets import Sockets
from inference.process.supervisor import Supervisor
from inference.settings import Settings, read_settings

FAILED, USAGE = 1, 2


def _options(function: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(OPTIONS):
        function = click.option(
            option.flag,
            envvar=option.variable,
            multiple=option.multiple,
            metavar="TEXT",
            help=f"{option.help} [{_default(option)}; {option.variable}]",
        )(function)
    return function


def _default(option: Option) -> str:
    return "required" if option.default is None else f"default: {option.default or option.empty}"


@click.group()
@click.version_option(__version__, prog_name="inference")
def main() -> None:
    """Serve the ONNX models of a shared volume."""


@main.command()
@_options
def serve(**given: Any) -> None:
    """Serve every model of a volume, and each new version of it, until SIGTERM.

    Exit codes: 0 ended by a signal, 1 failed, 2 wrong settings.
    """
    told = {key: value for key, value in given.items() if value}
    try:
        settings = read_settings(told)
        open_files(settings)
    except SettingsError as error:
        for problem in error.problems:
            click.echo(f"inference: {problem}", err=True)
        sys.exit(USAGE)
    checks = CheckServer()
    if settings.workers == 1:
        # Before there are threads. Of several workers, one that checks a version starts the process.
        checks.fork()
    logs.set_up(settings.log_format, settings.log_level)
    logger.info("inference", extra=fields(version=__version__, **settings.public()))
    leave(_run(settings, told, checks))


def _run(settings: Settings, given: dict[str, Any], checks: CheckServer) -> int:
    publics = _open(settings.host, "--port", settings.port, settings.workers)
    admins = _open(settings.admin_host or settings.host, "--admin-port", settings.admin_port, 1)
    if not publics or not admins:
        return FAILED
    if settings.workers > 1:
        return Supervisor(settings, given, publics, admins[0]).run()
    return server.serve(settings, Sockets(publics[0], admins[0]), Stop(), checks)


def _open(host: str, flag: str, port: int, number: int) -> list[socket.socket]:
    try:
        return open_sockets(host, port, number)
    except OSError as error:
        told = fields(host=host, port=port, reason=str(error))
        logger.error(f"cannot listen: choose another {flag} or --host", extra=told)
        return []


@main.command()
@click.argument("bundle", type=click.Path(path_type=Path))
def check(bundle: Path) -> None:
    """Load a bundle and run its golden examples, as `serve` does before a version takes traffic.

    Exit codes: 0 it would be served, 1 it would be refused (the reason is on stderr), 2 wrong usage.
    """
    if not bundle.is_dir():
        click.echo(f"inference: {bundle}: no such directory; give the bundle's directory", err=True)
        sys.exit(USAGE)
    try:
        report = check_bundle(bundle)
    except Refused as refused:
        click.echo(f"refused: {refused}", err=True)
        sys.exit(FAILED)
    for line in report.lines:
        click.echo(line)
    for warning in report.warnings:
        click.echo(f"warning: {warning}", err=True)
