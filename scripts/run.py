"""Train, publish and serve the digits model until Ctrl-C. See `make run`."""

import base64
import json
import signal
import sys
import time
from pathlib import Path

import click

from local import ROOT, Place, Ports, is_free, publish, serving

HINTS = """
{model} {version} is served. Try it from another terminal:

  a picture in, the three likeliest labels out:
    curl -s {url}/score -H 'Content-Type: application/json' -d '{score}'

  tensors, as the Open Inference Protocol has them:
    curl -s {url}/v2/models/{model}/infer -H 'Content-Type: application/json' -d '{infer}'

  which version answers:          curl -s {url}/version
  draw a digit in the browser:    {url}/
  publish another version:        make publish
  publish one that does not work: make publish ARGS=--broken

Ctrl-C ends it.
"""


@click.command()
@click.option("--port", default=8080, show_default=True)
@click.option("--admin-port", default=9090, show_default=True)
@click.option("--fetcher-port", default=9091, show_default=True)
@click.option("--directory", default=ROOT / ".run", type=click.Path(path_type=Path), help="Store and volume.")
def main(port: int, admin_port: int, fetcher_port: int, directory: Path) -> None:
    """Train the digits model, publish it to a store in the directory and serve it until Ctrl-C."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    ports = Ports(port, admin_port, fetcher_port)
    _refuse_taken(ports)
    try:
        _run(Place(directory.absolute()), ports)
    except KeyboardInterrupt:
        print("ended", file=sys.stderr)


def _refuse_taken(ports: Ports) -> None:
    names = {"PORT": ports.http, "ADMIN_PORT": ports.admin, "FETCHER_PORT": ports.fetcher}
    taken = [
        f"port {port} is taken: end what listens there, or choose another: make run {name}={port + 1000}"
        for name, port in names.items()
        if not is_free(port)
    ]
    if taken:
        raise SystemExit("\n".join(taken))


def _run(place: Place, ports: Ports) -> None:
    if not place.published:
        publish(place, seed=1)
    with serving(place, ports) as check:
        print(_hints(place, f"http://127.0.0.1:{ports.http}"), flush=True)
        while True:
            check()
            time.sleep(0.2)


def _hints(place: Place, url: str) -> str:
    current = (place.volume / "digits/current").resolve()
    examples = json.loads((current / "serving.json").read_text())["examples"]
    picture = base64.b64encode((current / examples[0]["image"]).read_bytes()).decode()
    pixels = next(example for example in examples if "inputs" in example)["inputs"]["image"]
    tensor = {"name": "image", "datatype": "FP32", "shape": [1, 1, 8, 8], "data": pixels}
    return HINTS.format(
        model="digits",
        version=current.name,
        url=url,
        score=json.dumps({"input": json.dumps([picture])}),
        infer=json.dumps({"inputs": [tensor]}, separators=(",", ":")),
    )


if __name__ == "__main__":
    main()
