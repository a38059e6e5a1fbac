"""compose.yaml on a real Swarm: `docker stack deploy`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.engine import FILES, IMAGES, TAG, create_container, docker, publish, refused, served, until

NEXT, BROKEN = f"{TAG}-next", f"{TAG}-broken"

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def tags() -> Iterator[None]:
    """Give the engine a next image of the server, and one whose server ends at once."""
    docker("tag", f"{IMAGES}/inference:{TAG}", f"{IMAGES}/inference:{NEXT}")
    docker("tag", f"{IMAGES}/model-fetcher:{TAG}", f"{IMAGES}/model-fetcher:{NEXT}")
    docker("tag", f"{IMAGES}/model-fetcher:{TAG}", f"{IMAGES}/model-fetcher:{BROKEN}")
    container = docker("create", f"{IMAGES}/inference:{TAG}").strip()
    docker("commit", "--change", 'ENTRYPOINT ["false"]', container, f"{IMAGES}/inference:{BROKEN}")
    docker("rm", container)
    yield
    docker(
        "rmi",
        *(f"{IMAGES}/{image}:{tag}" for image in ("inference", "model-fetcher") for tag in (NEXT, BROKEN)),
    )


def stack(tag: str = TAG) -> None:
    """Deploy the stack with the images of a tag."""
    files = [word for file in FILES for word in ("--compose-file", str(file))]
    docker("stack", "deploy", "--resolve-image", "never", *files, "ms", TAG=tag)


def inspect(form: str) -> str:
    """Read something of the server's service."""
    return docker("service", "inspect", "ms_inference", "--format", form).strip()


def leave_nothing(project: str) -> None:
    """Wait until every container and network of a project has gone, then remove its volumes."""
    named = ["--quiet", "--filter", f"name={project}_"]
    until("all goes", lambda: not docker("ps", "--all", *named) + docker("network", "ls", *named))
    if volumes := docker("volume", "ls", *named).split():
        docker("volume", "rm", *volumes)


@pytest.fixture(scope="module")
def deployed(bundles: Path, tags: None) -> Iterator[None]:
    """The stack on the Swarm, with version v1 of the model."""
    stack()
    try:
        until("Azurite runs", lambda: "1/1" in docker("service", "ls", "--filter", "name=ms_azurite"))
        create_container()
        publish(bundles / "1", "v1")
        until("v1 is served", lambda: served() == "v1")
        yield
    finally:
        docker("stack", "rm", "ms")
        leave_nothing("ms")


@pytest.mark.usefixtures("deployed")
def test_a_new_model_is_served_by_the_same_container(bundles: Path) -> None:
    before = docker("ps", "--quiet", "--filter", "name=ms_inference")
    publish(bundles / "2", "v2")
    until("v2 is served", lambda: served() == "v2")
    assert docker("ps", "--quiet", "--filter", "name=ms_inference") == before


@pytest.mark.usefixtures("deployed")
def test_a_rolling_update_changes_the_image_and_keeps_the_model() -> None:
    model = served()
    stack(NEXT)
    until("the update ends", lambda: inspect("{{.UpdateStatus.State}}") == "completed")
    assert NEXT in inspect("{{.Spec.TaskTemplate.ContainerSpec.Image}}")
    until("the new server serves the model that is on the volume", lambda: served() == model)


@pytest.mark.usefixtures("deployed")
def test_an_image_that_does_not_start_is_rolled_back() -> None:
    model, image = served(), inspect("{{.Spec.TaskTemplate.ContainerSpec.Image}}")
    stack(BROKEN)
    until("the rollback ends", lambda: inspect("{{.UpdateStatus.State}}") == "rollback_completed")
    assert inspect("{{.Spec.TaskTemplate.ContainerSpec.Image}}") == image
    until("the image before serves again", lambda: served() == model)


@pytest.mark.usefixtures("deployed")
def test_a_model_that_the_server_of_the_node_refuses_is_undone(bundles: Path) -> None:
    model = served()
    publish(bundles / "broken", "v3")
    until("the fetcher knows that v3 is refused", lambda: refused() == ["v3"])
    assert served() == model


def test_a_stack_without_a_model_names_the_variable() -> None:
    assert "MODEL_SOURCE" in docker(
        "stack", "deploy", "--compose-file", FILES[0], "none", MODEL_SOURCE="", fails=True
    )
