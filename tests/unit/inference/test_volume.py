"""The layout of a volume, as the server reads it."""

import os
from pathlib import Path

import pytest

from inference.models.volume import digest, model_names, read_target
from volumes import Volume
from volumes import digest as expected_digest


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    return Volume(tmp_path)


def test_finds_models_by_their_links_and_ignores_what_is_foreign(volume: Volume) -> None:
    for name in ("b", "a"):
        volume.add(name, "v1", None)
        volume.point(name, "v1")
    volume.add("no-link", "v1", None)
    (volume.root / "lost+found").mkdir()
    (volume.root / "file").write_text("")
    (volume.root / ".hidden").mkdir()
    assert model_names(volume.root) == ["a", "b"]


def test_resolves_the_link_to_the_real_directory(volume: Volume) -> None:
    directory = volume.add("a", "v1", None)
    volume.point("a", "v1")
    target = read_target(volume.root, "a")
    assert target is not None
    assert (target.version, target.directory) == ("v1", directory.resolve())


def test_a_link_that_is_replaced_by_an_equal_one_is_another(volume: Volume) -> None:
    volume.add("a", "v1", None)
    volume.point("a", "v1")
    before = read_target(volume.root, "a")
    assert before == read_target(volume.root, "a")
    volume.point("a", "v1")
    assert before != read_target(volume.root, "a")


def test_a_version_whose_name_is_no_text_can_be_written_all_the_same(volume: Volume) -> None:
    (volume.root / "a").mkdir()
    os.symlink(b"versions/v\xff", os.fsencode(volume.root / "a" / "current"))
    target = read_target(volume.root, "a")
    assert target is not None
    assert target.version == "v?"
    assert os.fsencode(target.directory).endswith(b"/a/versions/v\xff")


def test_no_link_is_no_target(volume: Volume) -> None:
    assert read_target(volume.root, "a") is None


def test_reads_the_digest_from_the_manifest(volume: Volume) -> None:
    directory = volume.add("a", "v1", lambda path: path.touch(), {"top_k": 1})
    assert digest(directory) == expected_digest(directory)


@pytest.mark.parametrize("text", [None, "", "{}", "[]", '{"files": [{}]}', '{"files": 3}'])
def test_has_no_digest_without_a_manifest_that_can_be_read(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "manifest.json").write_text(text)
    assert digest(tmp_path) is None
