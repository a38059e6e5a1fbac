"""Versions of a volume that differ, of one model."""

from pathlib import Path

import onnx

import models
from bench.volume import Volume, doc_string


def test_each_version_of_a_volume_is_another_file_and_the_same_model(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    models.classifier(tmp_path / "bundle/model.onnx")
    volume = Volume(tmp_path / "volume")
    for version in ("v1", "v2"):
        volume.add(version, tmp_path / "bundle")
        volume.point(version)
    loaded = [onnx.load(volume.current.parent / f"versions/{v}/model.onnx") for v in ("v1", "v2")]
    assert [model.doc_string for model in loaded] == ["v1", "v2"]
    assert loaded[0].graph == loaded[1].graph
    assert volume.current.readlink() == Path("versions/v2")


def test_a_doc_string_is_a_field_of_its_own() -> None:
    assert onnx.ModelProto.FromString(doc_string("v17")).doc_string == "v17"
