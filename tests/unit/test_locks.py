"""The lock files of the server: one for each onnxruntime, and the same in all else."""

import re
from pathlib import Path

import pytest

INFERENCE = Path(__file__).resolve().parents[2] / "inference"


def pins(name: str) -> dict[str, str]:
    text = (INFERENCE / name).read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))


@pytest.mark.parametrize("other", ["cuda", "openvino"])
def test_another_onnxruntime_changes_nothing_else(other: str) -> None:
    own, others = pins("requirements.txt"), pins(f"requirements-{other}.txt")
    replaced = {"cuda": "onnxruntime-gpu", "openvino": "onnxruntime-openvino"}[other]
    assert own.pop("onnxruntime")
    assert "onnxruntime" not in others
    assert replaced in others
    assert own == {name: others[name] for name in own}
