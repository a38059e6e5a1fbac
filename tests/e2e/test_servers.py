"""Other ways to run: a server of one's own, a model in the image, the classic pair, refused values."""

import os

import pytest

from e2e.kube import PYTHON_IMAGE, until
from e2e.release import Release

FOREIGN = "import http.server as h; h.test(h.SimpleHTTPRequestHandler, port=8080)"


def test_values_that_cannot_work_are_refused_and_nothing_is_left(release: Release) -> None:
    said = release.install({"replicas": 3}, fails=True)
    assert "additional properties 'replicas' not allowed" in said
    said = release.install({"model": {"source": ""}}, fails=True)
    assert "set it to the root of your model" in said
    assert release.namespace.get("deployments,services")["items"] == []


def test_a_server_that_is_not_ours_works_beside_the_fetcher(release: Release) -> None:
    repository, _, tag = PYTHON_IMAGE.rpartition("/")[2].partition(":")
    probe = {"httpGet": {"path": "/digits/current/", "port": "http"}}
    release.store.publish("1", "v50")
    server = {
        "image": {"repository": repository, "tag": tag},
        "command": ["python", "-c", f"import os; os.chdir('/models'); {FOREIGN}"],
        "ports": {"admin": 0},
        **dict.fromkeys(("startupProbe", "readinessProbe", "livenessProbe"), probe),
    }
    release.install(
        {"inference": server, "model": {"confirm": {"enabled": False}}, "tests": {"path": "/digits/current/"}}
    )
    manifest = "/digits/current/manifest.json"
    assert '"v50"' in str(release.ask(manifest)).replace("'", '"')
    release.store.publish("2", "v51")
    until("every pod has v51", lambda: '"v51"' in str(release.ask(manifest)).replace("'", '"'))
    assert "model.onnx" in release.namespace.helm("test", "digits", "--logs")
    release.namespace.helm("uninstall", "digits", "--wait")


def test_a_server_with_a_model_in_its_image_needs_neither_fetcher_nor_store(release: Release) -> None:
    image = os.environ.get("BAKED_IMAGE")
    if not image:
        pytest.skip("BAKED_IMAGE, which `make image-baked` makes, is not set")
    repository, _, tag = image.rpartition(":")
    own = {"image": {"registry": "", "repository": repository, "tag": tag}}
    values = {"inference": own, "fetcher": {"enabled": False}, "volume": {"type": "none"}}
    release.install(values | {"model": {"source": ""}})
    containers = [one["name"] for pod in release.namespace.pods() for one in pod["spec"]["containers"]]
    assert containers == ["inference", "inference"]
    assert "digits v1: probabilities" in release.namespace.helm("test", "digits", "--logs")
    release.namespace.helm("uninstall", "digits", "--wait")


def test_the_classic_pair_serves_and_follows_the_store(release: Release) -> None:
    release.store.publish("1", "v52")
    release.install({"fetcher": {"mode": "classic"}})
    release.all_serve("v52")
    release.store.publish("2", "v53")
    release.all_serve("v53")
    release.namespace.helm("uninstall", "digits", "--wait")
