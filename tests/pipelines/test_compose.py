"""compose.yaml on one machine: `docker compose up`."""

from pathlib import Path

import pytest

from pipelines.engine import FILES, create_container, docker, publish, served, until

pytestmark = pytest.mark.engine


def test_docker_compose_serves_what_is_published_and_goes_without_a_trace(bundles: Path) -> None:
    compose = [
        "compose",
        "--project-name",
        "one",
        *(word for file in FILES for word in ("--file", str(file))),
    ]
    docker(*compose, "up", "--detach")
    try:
        create_container()
        publish(bundles / "1", "v1")
        docker(*compose, "up", "--detach", "--wait")
        assert served() == "v1"
        publish(bundles / "2", "v2")
        until("v2 is served", lambda: served() == "v2")
    finally:
        docker(*compose, "down", "--volumes")
    assert not docker("ps", "--all", "--quiet", "--filter", "name=one-")
    assert not docker("volume", "ls", "--quiet", "--filter", "name=one_")
