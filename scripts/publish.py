"""Train another version and publish it to the store of `make run`. See `make publish`."""

import time
from pathlib import Path

import click

from local import ROOT, Place, publish


@click.command()
@click.option("--seed", type=int, help="Where the training starts  [default: the time]")
@click.option(
    "--broken", is_flag=True, help="Mix up the labels and skip the check: the server has to refuse it."
)
@click.option(
    "--directory", default=ROOT / ".run", type=click.Path(path_type=Path), help="Where the store is."
)
def main(seed: int | None, broken: bool, directory: Path) -> None:
    """Train another version of the digits model and publish it to the store that `make run` serves."""
    seed = int(time.time()) if seed is None else seed
    version = publish(Place(directory.absolute()), seed, *["--no-check"] * broken, broken=broken)
    click.echo(f"published {version}")


if __name__ == "__main__":
    main()
