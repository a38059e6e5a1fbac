"""Optimised copies: how they are written, and which are not to be trusted."""

import os
import re
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest

import models
from inference.models.copies import Copies, key
from inference.models.model import MODEL_FILE, Model
from inference.models.optimise import main, take_as_it_is
from inference.models.volume import Target, read_target
from volumes import Volume

from .conftest import SINGLE


@pytest.fixture(autouse=True)
def niceness(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests themselves stay as nice as they were: that cannot be taken back."""
    monkeypatch.setattr(os, "nice", lambda _: 0)


@pytest.fixture
def target(tmp_path: Path) -> Target:
    """A version on a volume."""
    volume = Volume(tmp_path / "volume")
    volume.add("digits", "v1", partial(models.big, mebibytes=1, seed=1))
    volume.point("digits", "v1")
    found = read_target(volume.root, "digits")
    assert found
    return found


def test_a_copy_gives_what_the_original_gives(target: Target, tmp_path: Path) -> None:
    source, copy = target.directory / MODEL_FILE, tmp_path / "copy"
    copy.mkdir()
    main(source, copy)
    image = {"image": np.random.default_rng(1).random((3, 1, 8, 8), np.float32)}
    (expected,) = Model(source, SINGLE).run(image).values()
    (given,) = Model(copy / MODEL_FILE, SINGLE, adjust=take_as_it_is).run(image).values()
    np.testing.assert_allclose(given, expected, rtol=1e-5)
    assert {path.name for path in copy.iterdir()} == {"model.onnx", "model.onnx.data"}


def test_a_copy_that_takes_other_inputs_is_refused(tmp_path: Path) -> None:
    # onnxruntime turns constants of this old model into inputs when it writes it.
    source = Path(onnx.__file__).parent / "backend/test/data/light/light_resnet50.onnx"
    with pytest.raises(SystemExit, match="the copy has other inputs or outputs"):
        main(source, tmp_path)


def test_a_model_without_a_stable_answer_is_left_as_it_is(tmp_path: Path) -> None:
    models.random(tmp_path / "random.onnx")
    with pytest.raises(SystemExit, match=r"output 'y'.* expected"):
        main(tmp_path / "random.onnx", tmp_path)


def test_what_cannot_be_loaded_is_told(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"bad")
    with pytest.raises(SystemExit, match="onnxruntime cannot load it"):
        main(tmp_path / "bad.onnx", tmp_path)


def test_a_copy_is_for_one_model_only(target: Target, tmp_path: Path) -> None:
    volume = Volume(target.directory.parents[2])
    volume.add("digits", "v2", partial(models.big, mebibytes=1, seed=2))
    volume.point("digits", "v2")
    other = read_target(volume.root, "digits")
    assert other
    assert key(other) != key(target)
    assert Copies(tmp_path, 1 << 30).find("digits", target) is None


def test_without_a_manifest_the_files_themselves_tell_models_apart(target: Target) -> None:
    (target.directory / "manifest.json").unlink()
    before = key(target)
    assert key(target) == before
    (target.directory / "weights").write_bytes(b"more")
    assert key(target) != before


def test_a_cache_that_cannot_be_written_to_is_no_more_than_a_warning(
    target: Target, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no directory")
    assert not Copies(tmp_path / "file", 1 << 30).make("digits", target)
    assert "cannot make an optimised copy; the original serves on" in caplog.text


def test_copies_take_no_more_than_they_may(
    target: Target, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert not Copies(tmp_path, 1 << 20).make("digits", target)
    (record,) = caplog.records
    assert re.fullmatch(
        r"it needs 2,[0-9,]+ bytes, and the cache has -?[0-9,]+ left", record.__dict__["fields"]["reason"]
    )
