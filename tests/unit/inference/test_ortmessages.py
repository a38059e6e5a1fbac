"""Errors of onnxruntime, in a sentence with a cure."""

from pathlib import Path

import pytest

from inference.models.ortmessages import sentence

LOCALE = (
    "[ONNXRuntimeError] : 1 : FAIL : Exception during initialization: string_normalizer.cc:235 "
    "Failed to construct locale with name:fr_FR.UTF-8:locale::facet::_S_create_c_locale name not valid:Please"
)


def test_names_the_locale_that_is_missing_and_how_to_get_it() -> None:
    told = sentence(RuntimeError(LOCALE), Path("bundle"))
    assert "needs the locale fr_FR.UTF-8, which this machine lacks" in told
    assert "localedef -i fr_FR -f UTF-8 fr_FR.UTF-8" in told


@pytest.mark.parametrize("spelling", ["bundle", "../here/bundle", "link"])
def test_paths_are_relative_to_the_bundle_however_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelling: str
) -> None:
    bundle = tmp_path / "here" / "bundle"
    bundle.mkdir(parents=True)
    (tmp_path / "here" / "link").symlink_to(bundle)
    monkeypatch.chdir(tmp_path / "here")
    for whole in {str(bundle), spelling, str(Path(spelling).absolute())}:
        error = RuntimeError(f'does not exist: "{whole}/weights/w.bin"\nmore')
        assert sentence(error, Path(spelling)) == 'does not exist: "weights/w.bin"'


def test_a_path_that_only_ends_like_the_bundle_stays_whole(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    text = 'does not exist: "/elsewhere/bundle/w.bin"'
    assert sentence(RuntimeError(text), Path("bundle")) == text
    assert sentence(RuntimeError("./w.bin"), Path(".")) == "./w.bin"


def test_an_error_without_words_is_called_by_its_kind() -> None:
    assert sentence(MemoryError()) == "MemoryError"
    assert sentence(RuntimeError("[ONNXRuntimeError] : 6 : no")) == "6 : no"
