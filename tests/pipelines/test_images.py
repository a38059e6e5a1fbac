"""What makes an image be built again, and what does not."""

from pathlib import Path

import pytest

from pipelines.project import Project, copy

IMAGES = ("inference", "model-fetcher")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A copy of the project."""
    return copy(tmp_path)


@pytest.mark.parametrize(
    "path",
    [
        "examples/digits/train.py",
        "docs/contract.md",
        "chart/values.yaml",
        "tests/new.py",
        "inference/README.md",
        "bundle/model.onnx",
    ],
)
def test_what_goes_into_no_image_builds_none(project: Project, path: str) -> None:
    before = [project.key(image) for image in IMAGES]
    project.change(path)
    assert [project.key(image) for image in IMAGES] == before


@pytest.mark.parametrize("path", ["Dockerfile", ".dockerignore", "requirements.txt", "src/new.py"])
@pytest.mark.parametrize("image", IMAGES)
def test_what_goes_into_an_image_builds_that_one_only(project: Project, image: str, path: str) -> None:
    before = {one: project.key(one) for one in IMAGES}
    project.change(f"{image}/{path}")
    assert [one for one in IMAGES if project.key(one) != before[one]] == [image]


def test_another_base_image_builds_anew(project: Project) -> None:
    keys = {
        project.key("inference", PYTHON_IMAGE=f"python:{version}") for version in ("3.13-slim", "3.14-slim")
    }
    assert len(keys) == 2


def test_another_onnxruntime_builds_anew(project: Project) -> None:
    keys = {project.key("inference", ONNXRUNTIME=name) for name in ("cpu", "cuda", "openvino")}
    assert len(keys) == 3
    assert project.key("inference") in keys


def test_going_back_to_what_was_builds_nothing(project: Project) -> None:
    before = project.key("inference")
    project.change("inference/src/new.py")
    project.run("git", "rm", "--quiet", "inference/src/new.py")
    project.commit()
    assert project.key("inference") == before


def test_sources_that_are_not_committed_are_refused(project: Project) -> None:
    (project.root / "inference/src/new.py").write_text("")
    assert "commit first" in project.run("scripts/image-key.sh", "inference", fails=True)
