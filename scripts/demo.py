"""The whole story by itself, in a directory that goes away afterwards. See `make demo`."""

import base64
import json
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from local import Place, Ports, ask, command, free_ports, publish, serving, until


@dataclass(slots=True)
class Client:
    """Scores one picture again and again while the story goes on, and counts."""

    url: str
    body: dict[str, str]
    label: str
    asked: int = 0
    failed: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Ask until told to stop."""
        while not self.stop.wait(0.01):
            self.asked += 1
            try:
                label = ask(self.url, self.body)["result"][0][0][0][0]
            except (OSError, ValueError) as error:
                self.failed.append(str(error))
            else:
                if label != self.label:
                    self.failed.append(f"{self.label!r} was taken for {label!r}")


@click.command()
def main() -> None:
    """Publish, serve, refuse a broken model, roll back and promote; exits non-zero if anything differs."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="model-sidecar-") as directory:
        log = Path(directory, "log")
        try:
            with log.open("w") as file:
                _story(Place(Path(directory)), file)
        except (Exception, SystemExit):
            click.echo(f"\nThe log of the two programs:\n{log.read_text()}", err=True)
            raise
    click.echo(f"\nAll as it should be, in {time.monotonic() - started:.0f} seconds.")


def _story(place: Place, log: Any) -> None:
    ports = free_ports()
    url = f"http://127.0.0.1:{ports.http}"

    _step("A data scientist trains a model and publishes it as v1.")
    publish(place, 1, "--version", "v1")

    _step("model-fetcher brings it to the volume, inference serves it.")
    with serving(place, ports, log) as check:
        _expect("the version that serves", _version(url), "v1")
        client = _client(place, url)
        thread = threading.Thread(target=client.run)
        thread.start()
        try:
            _step(f"A client sends a picture of a {client.label}, and goes on doing so until the end.")
            _tell(json.dumps(ask(client.url, client.body)))
            _changes(place, ports, check)
        finally:
            client.stop.set()
            thread.join()
    _step("Both programs have ended. Was a request lost on the way?")
    _expect("failed requests", client.failed, [])
    _tell(f"{client.asked} requests, all answered with {client.label!r}")


def _changes(place: Place, ports: Ports, check: Callable[[], None]) -> None:
    url = f"http://127.0.0.1:{ports.http}"

    def serves(version: str) -> None:
        until(f"{version} is served", lambda: _version(url) == version, check)
        _tell(f"{version} is served")

    _step("v2 is trained and published. Nothing is built, nothing restarts.")
    publish(place, 2, "--version", "v2")
    serves("v2")

    _step("v3 has its labels mixed up. Its own examples show it, so it is not published.")
    _refuses_to_publish(place)

    _step("v3 is published all the same, past the check. The server refuses it.")
    publish(place, 3, "--version", "v3", "--no-check", broken=True)
    until("v3 is refused", lambda: _refusal(url) is not None, check)
    _tell(f"v3: {_refusal(url)}")
    until("the fetcher is back at v2", lambda: _on_volume(place) == "v2", check)
    _tell("the fetcher heard of it, and the volume is back at v2")
    _expect("the version that serves", _version(url), "v2")

    _step("The operator rolls back to v2.")
    _tell(command("model-fetcher", "rollback", place.source))
    until("the fetcher wants v2", lambda: _wanted(ports) == "v2", check)
    _expect("the version that serves", _version(url), "v2")

    _step("The operator promotes v1.")
    _tell(command("model-fetcher", "promote", place.source, "v1"))
    serves("v1")


def _client(place: Place, url: str) -> Client:
    bundle = place.volume / "digits/current"
    example = json.loads((bundle / "serving.json").read_text())["examples"][0]
    picture = base64.b64encode((bundle / example["image"]).read_bytes()).decode()
    return Client(f"{url}/score", {"input": json.dumps([picture])}, example["label"])


def _refuses_to_publish(place: Place) -> None:
    try:
        publish(place, 3, "--version", "v3", broken=True)
    except SystemExit as error:
        _tell(f"model-fetcher publish ended with exit code {error.code}")
    else:
        raise SystemExit("a bundle that fails its own examples was published")


def _version(url: str) -> str:
    return str(ask(f"{url}/version")["version"])


def _refusal(url: str) -> str | None:
    index = ask(f"{url}/v2/repository/index", {})
    return next((row["reason"] for row in index if row["state"] == "UNAVAILABLE" and row["reason"]), None)


def _wanted(ports: Ports) -> str:
    return str(ask(f"http://127.0.0.1:{ports.fetcher}/status")["models"]["digits"]["wanted"])


def _on_volume(place: Place) -> str:
    return (place.volume / "digits/current").readlink().name


def _step(sentence: str) -> None:
    click.secho(f"\n{sentence}", bold=True)


def _tell(line: str) -> None:
    click.echo(f"  {line}")


def _expect(what: str, actual: object, wanted: object) -> None:
    if actual != wanted:
        raise SystemExit(f"{what}: expected {wanted!r}, got {actual!r}")
    _tell(f"{what}: {actual}")


if __name__ == "__main__":
    main()
