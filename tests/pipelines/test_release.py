"""Every target that the pipelines call, on a real registry and cluster: from the build to the way back."""

import json
import os
import shutil
import socket
import subprocess
import tarfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from e2e.kube import Namespace, namespace, nodes, run, until
from e2e.store import SOURCE, Store
from pipelines.project import Project, copy

IMAGES = ("inference", "model-fetcher")
VALUES = {
    "fullnameOverride": "digits",
    "replicaCount": 1,
    "model": {"source": SOURCE, "interval": "1s"},
    "auth": {
        "type": "existingSecret",
        "existingSecret": {"name": "storage", "keys": {"connectionString": "connection-string"}},
    },
    "inference": {
        "resources": {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}}
    },
}

pytestmark = pytest.mark.registry


@dataclass(frozen=True, slots=True)
class Release:
    """The project, the registry it pushes to, and the namespace it deploys to."""

    project: Project
    registry: str
    namespace: Namespace

    def make(self, target: str, *variables: str, fails: bool = False) -> str:
        """Run a target with the variables that a pipeline has."""
        at = [f"REGISTRY={self.registry}", "INSECURE=1", f"NAMESPACE={self.namespace.name}"]
        return self.project.run("make", "--silent", target, *at, *variables, fails=fails)

    def deploy(self, *variables: str, fails: bool = False) -> str:
        """Deploy the chart that was pushed, by its digest."""
        chart = (self.project.root / "dist/chart.ref").read_text().strip()
        (self.project.root / "values.json").write_text(json.dumps(VALUES))
        return self.make("deploy", f"CHART={chart}", "VALUES=values.json", *variables, fails=fails)

    def digest(self, image: str) -> str:
        """Return the digest that was pushed."""
        return (self.project.root / f"dist/{image}.digest").read_text().strip()

    def url(self) -> str:
        """Return the address of the load balancer."""
        service = self.namespace.get("service", "digits")
        return f"http://{service['status']['loadBalancer']['ingress'][0]['ip']}"

    def version(self) -> str:
        """Ask which model version is served."""
        with urllib.request.urlopen(f"{self.url()}/version", timeout=20) as answer:
            return str(json.load(answer)["version"])


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry on this machine."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{one.getsockname()[1]}"
    place = tmp_path_factory.mktemp("registry")
    config = {
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(place)}},
        "http": {"addr": address},
    }
    (place / "config.yaml").write_text(json.dumps(config))
    with (place / "log").open("w") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", place / "config.yaml"], stdout=log, stderr=log
        )
    until("the registry answers", lambda: answers(f"http://{address}/v2/"))
    yield address
    process.terminate()
    process.wait()


def answers(url: str) -> bool:
    """Say whether a server answers."""
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def store(bundles: Path) -> Iterator[Store]:
    """Azurite in the cluster, with a model."""
    with namespace("release-store") as place:
        place.apply(
            "azurite.yaml", IMAGE=os.environ["AZURITE_IMAGE"], NODE={"kubernetes.io/hostname": nodes()[0]}
        )
        place.rollout("azurite")
        store = Store(place, bundles)
        store.create()
        store.publish("1", "v1")
        yield store


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory, registry: str, store: Store) -> Iterator[Release]:
    """The images pushed, the chart pushed, the images in the cluster."""
    with namespace("release") as place:
        secret = f"--from-literal=connection-string={store.inside}"
        place.kubectl("create", "secret", "generic", "storage", secret)
        one = Release(copy(tmp_path_factory.mktemp("project")), registry, place)
        assert one.make("stale-images").split() == list(IMAGES)
        one.make("push-images")
        one.make("package")
        one.make("push-chart")
        for image in IMAGES:
            load(f"{registry}/{image}@{one.digest(image)}", tmp_path_factory.mktemp(image))
        yield one


def load(reference: str, place: Path) -> None:
    """Hand an image to the cluster under its digest: it may not reach a registry of this machine."""
    run(
        "skopeo",
        "copy",
        "--quiet",
        "--all",
        "--preserve-digests",
        "--src-tls-verify=false",
        f"docker://{reference}",
        f"oci:{place}/oci",
    )
    index = json.loads((place / "oci/index.json").read_text())
    index["manifests"][0].setdefault("annotations", {})["io.containerd.image.name"] = reference
    (place / "oci/index.json").write_text(json.dumps(index))
    with tarfile.open(place / "image.tar", "w") as archive:
        for file in sorted((place / "oci").iterdir()):
            archive.add(file, file.name)
    run(*os.environ["IMAGE_LOADER"].split(), place / "image.tar")
    shutil.rmtree(place)


def test_what_was_pushed_is_what_the_registry_has(release: Release) -> None:
    for image in IMAGES:
        inspect = ["skopeo", "inspect", "--tls-verify=false", "--format", "{{.Digest}}"]
        name = f"docker://{release.registry}/{image}:{release.project.key(image)}"
        assert run(*inspect, name).strip() == release.digest(image)


def test_nothing_is_stale_then_and_nothing_is_built_again(release: Release) -> None:
    before = [release.digest(image) for image in IMAGES]
    assert release.make("stale-images") == ""
    release.make("push-images", "BUILDER=false")
    assert [release.digest(image) for image in IMAGES] == before


def test_a_change_of_the_examples_or_a_published_model_builds_no_image(
    release: Release, store: Store
) -> None:
    release.project.change("examples/digits/train.py")
    store.publish("1", "v1-again")
    assert release.make("stale-images") == ""


def test_images_are_copied_to_another_registry_with_their_digests(release: Release) -> None:
    copied = release.make("copy-images", f"TO={release.registry}/azure", "COPY_TAG=0.1.0").split()
    expected = [f"{release.registry}/azure/{image}:0.1.0@{release.digest(image)}" for image in IMAGES]
    assert copied == expected


def test_the_chart_names_the_images_by_digest_and_keeps_its_comments(release: Release) -> None:
    chart = (release.project.root / "dist/chart.ref").read_text().strip()
    values = run("helm", "show", "values", chart, "--plain-http")
    for image in IMAGES:
        assert release.digest(image) in values
    assert values.count("# -- Digest `sha256:…`") == 2


def test_the_values_of_a_deploy_name_the_images_by_digest(release: Release) -> None:
    values = release.make("image-values")
    for image in IMAGES:
        assert release.digest(image) in values


def test_a_dry_run_says_what_would_change_and_changes_nothing(release: Release) -> None:
    told = release.deploy("DRY_RUN=1", "RELEASE=dry")
    assert f"/inference:0.1.0@{release.digest('inference')}" in told
    assert release.namespace.helm("list", "--short") == ""


def test_a_deploy_that_fails_leaves_the_release_before_it_and_says_so(
    release: Release, tmp_path: Path
) -> None:
    summary = tmp_path / "summary.md"
    release.deploy(f"SUMMARY={summary}")
    assert f"inference:0.1.0@{release.digest('inference')}" in summary.read_text()
    assert "answers" in release.make("smoke", f"URL={release.url()}", f"SUMMARY={summary}")
    served = release.version()

    broken = ["SET=inference.image.tag=broken inference.image.digest=", "TIMEOUT=30s"]
    told = release.deploy(*broken, f"SUMMARY={summary}", fails=True)
    assert "The previous release still runs (revision 1)" in told
    assert release.digest("inference") in told
    assert "The previous release still runs" in summary.read_text()
    assert release.version() == served
    images = release.namespace.get("deployment", "digits")["spec"]["template"]["spec"]["containers"]
    assert next(c["image"] for c in images if c["name"] == "inference").endswith(release.digest("inference"))


def test_a_value_that_the_chart_does_not_know_is_refused_before_anything_changes(release: Release) -> None:
    told = release.deploy("RELEASE=typo", "SET=inferense.workers=2", fails=True)
    assert "inferense" in told
    assert "Nothing ran before, and nothing runs now." in told
    assert "typo" not in release.namespace.helm("list", "--short")


def test_a_first_deploy_that_fails_leaves_nothing(release: Release) -> None:
    broken = [
        "RELEASE=first",
        "SET=fullnameOverride=first inference.image.tag=broken inference.image.digest=",
        "TIMEOUT=20s",
    ]
    told = release.deploy(*broken, fails=True)
    assert "Nothing ran before, and nothing runs now." in told
    assert "first" not in release.namespace.helm("list", "--short")


def test_a_bundle_is_published_with_its_version_and_digest(
    release: Release, store: Store, tmp_path: Path
) -> None:
    summary = tmp_path / "summary.md"
    source = f"file://{tmp_path}/store/digits"
    words = [
        "--old-file",
        ".venv/.runnable",
        f"BUNDLE={store.bundles / '1'}",
        f"SOURCE={source}",
        f"SUMMARY={summary}",
    ]
    told = release.project.run("make", "--silent", "publish-model", *words)
    assert "digest" in told
    version = told.split()[1]
    assert f"| `{version}` | `" in summary.read_text()
