"""The commands of a data scientist: publish, versions, promote, rollback, verify."""

import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import click

from model_fetcher import gate, publish
from model_fetcher.channel import Channel
from model_fetcher.errors import NotFound
from model_fetcher.options import CHANNEL, PAIR, SOURCE, VERSION, Command, argument, option, store_options
from model_fetcher.progress import bar
from model_fetcher.resolve import resolve
from model_fetcher.sources import Address, open_source
from model_fetcher.sources.base import Source

log = logging.getLogger(__name__)

_source = argument("source", type=SOURCE)
_version = argument("version", type=VERSION)
_channel = option("--channel", type=CHANNEL, default="stable", help="The channel to move.")
_percent = option(
    "--percent",
    type=click.IntRange(0, 100),
    default=100,
    help="The share of pods that take the version; the others stay on the one before.",
)


@click.command("publish", cls=Command)
@argument("bundle_dir", type=click.Path(exists=True, file_okay=False, path_type=Path))
@_source
@option("--version", type=VERSION, show_default="UTC time plus digest", help="Its name.")
@_channel
@_percent
@option("--metadata", type=PAIR, multiple=True, help="Goes into the manifest; repeatable.")
@option(
    "--check",
    show_default="inference check",
    help="Command that judges the bundle.",
)
@option("--no-check", is_flag=True, help="Publish unjudged.")
@store_options
def publish_command(
    bundle_dir: Path,
    source: Address,
    version: str | None,
    channel: str,
    percent: int,
    metadata: tuple[tuple[str, str], ...],
    check: str | None,
    no_check: bool,
    auth: str,
    endpoint: str,
) -> None:
    """Store BUNDLE_DIR as a new version of SOURCE and point the channel at it.

    The version is printed; it is whole and checked before anything points at it.
    """
    bundle = publish.read_bundle(bundle_dir)
    if not no_check:
        gate.run_check(check, bundle_dir)
        publish.check_unchanged(bundle)
    now = datetime.now(UTC)
    name = version or publish.default_version(bundle, now)
    with _opened(source, auth, endpoint) as store:
        with bar("publish", bundle.bytes) as progress:
            publish.publish(store, bundle, name, now, dict(metadata), progress)
        _tell(store, channel, publish.promote(store, channel, name, percent))
    click.echo(name)


@click.command("versions", cls=Command)
@_source
@option("--json", "as_json", is_flag=True, help="As JSON.")
@store_options
def versions_command(source: Address, as_json: bool, auth: str, endpoint: str) -> None:
    """List the versions of SOURCE, the newest last, and the channels that point at them."""
    with _opened(source, auth, endpoint) as store:
        rows = [_row(listed) for listed in publish.list_versions(store)]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    width = max(len(row["version"]) for row in rows)
    for row in rows:
        marks = " ".join(f"<- {channel}" for channel in row["channels"])
        click.echo(f"{row['version']:{width}}  {row['created']:20}  {row['bytes']:>12}  {marks}".rstrip())


def _row(listed: publish.Listed) -> dict[str, Any]:
    manifest = listed.manifest
    return {
        "version": manifest.version,
        "created": manifest.created,
        "bytes": manifest.bytes,
        "digest": manifest.digest,
        "channels": list(listed.channels),
        "metadata": dict(manifest.metadata),
    }


@click.command("promote", cls=Command)
@_source
@_version
@_channel
@_percent
@store_options
def promote_command(
    source: Address, version: str, channel: str, percent: int, auth: str, endpoint: str
) -> None:
    """Point the channel at a VERSION that is in SOURCE."""
    with _opened(source, auth, endpoint) as store:
        _tell(store, channel, publish.promote(store, channel, version, percent))
    click.echo(version)


@click.command("rollback", cls=Command)
@_source
@_channel
@store_options
def rollback_command(source: Address, channel: str, auth: str, endpoint: str) -> None:
    """Point the channel at the version before; once more goes one further back."""
    with _opened(source, auth, endpoint) as store:
        moved = publish.rollback(store, channel)
        _tell(store, channel, moved)
    click.echo(moved.version)


@click.command("verify", cls=Command)
@_source
@argument("version", type=VERSION, required=False)
@option("--channel", type=CHANNEL, default="stable", help="Its version, if none is named.")
@store_options
def verify_command(source: Address, version: str | None, channel: str, auth: str, endpoint: str) -> None:
    """Read a version whole and compare every hash with its manifest."""
    with _opened(source, auth, endpoint) as store:
        name = version or _current(store, channel)
        with bar("verify", 0) as progress:
            manifest = publish.verify(store, name, progress, Event())
    click.echo(f"{name}: {len(manifest.files)} files, {manifest.bytes} bytes, digest {manifest.digest}")


def _current(store: Source, channel: str) -> str:
    wanted = resolve(store, channel, pod="")
    assert wanted is not None
    if wanted.plain:
        raise NotFound(f"{store.url} has no manifest to compare with: publish it as a version")
    return wanted.manifest.version


def _tell(store: Source, name: str, channel: Channel) -> None:
    about = {"source": store.url, "channel": name, "version": channel.version, "previous": channel.previous}
    log.info("channel points at the version", extra=about)


@contextmanager
def _opened(address: Address, auth: str, endpoint: str) -> Iterator[Source]:
    store = open_source(address, os.environ, auth, endpoint)
    try:
        yield store
    finally:
        store.close()


def add_to(group: click.Group) -> None:
    """Add these commands to the program's."""
    commands: tuple[Callable[..., Any], ...] = (
        publish_command,
        versions_command,
        promote_command,
        rollback_command,
        verify_command,
    )
    for command in commands:
        assert isinstance(command, click.Command)
        group.add_command(command)
