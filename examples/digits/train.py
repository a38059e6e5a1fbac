"""Train a classifier of handwritten digits and write it as a bundle.

The data are the 1,797 digits of 8 x 8 pixels that come with scikit-learn: the test part of the UCI set
"Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak, 1998).
"""

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from scipy import ndimage
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

Pixels = NDArray[np.float32]  # (N, 8, 8), 0 is paper and 1 is ink
Labels = NDArray[np.int64]  # (N,)

SIDE = 8
ROUNDS = 50  # over all digits, as they are and each time bent in another way
GOLDEN = 5  # pictures that the bundle carries as examples


@click.command()
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--seed", default=1, show_default=True, help="Another seed gives another version.")
@click.option("--broken", is_flag=True, help="Mix up the labels, so that the bundle's examples fail.")
def main(out: Path, seed: int, broken: bool) -> None:
    """Train a classifier of handwritten digits and write it to the directory OUT as a bundle.

    Prints what is worth keeping as KEY=VALUE, one a line, as `model-fetcher publish --metadata` takes it.
    """
    pixels, labels = _digits()
    split = train_test_split(pixels, labels, test_size=0.2, random_state=0, stratify=labels)
    seen, held_out, seen_labels, held_out_labels = split

    click.echo(f"training on {len(seen)} digits", err=True)
    classifier = _train(seen, seen_labels, seed)
    right = classifier.predict(_flat(held_out)) == held_out_labels
    click.echo(f"{right.mean():.1%} of the {len(right)} digits held out are recognised", err=True)

    (out / "examples").mkdir(parents=True, exist_ok=True)
    onnx.save(_export(classifier), out / "model.onnx")
    serving = _serving(classifier, held_out[right][:GOLDEN], held_out_labels[right][:GOLDEN], out)
    if broken:
        serving["labels"].append(serving["labels"].pop(0))
    (out / "serving.json").write_text(json.dumps(serving, indent=2) + "\n")
    click.echo(f"accuracy={right.mean():.4f}\nseed={seed}")


def _digits() -> tuple[Pixels, Labels]:
    data = load_digits()
    return (data.images / 16).astype(np.float32), data.target.astype(np.int64)


def _train(pixels: Pixels, labels: Labels, seed: int) -> MLPClassifier:
    random = np.random.default_rng(seed)
    classifier = MLPClassifier((192,), batch_size=64, learning_rate_init=0.002, random_state=seed)
    for _ in range(ROUNDS):
        varied = np.stack([_vary(picture, random) for picture in pixels])
        both = _flat(np.concatenate([pixels, varied]))
        classifier.partial_fit(both, np.tile(labels, 2), classes=range(10))
    return classifier


def _vary(picture: Pixels, random: np.random.Generator) -> Pixels:
    """Bend one (8, 8) digit as another hand, another pen or a mouse would have drawn it."""
    turn, slant = random.uniform(-0.15, 0.15), random.uniform(-0.3, 0.3)
    height, width = random.uniform(0.95, 1.1), random.uniform(0.9, 1.35)
    matrix = np.array([[height, turn], [slant - turn, width]])
    middle = np.full(2, (SIDE - 1) / 2)
    offset = middle - matrix @ middle + random.uniform(-0.4, 0.4, size=2)
    bent = ndimage.affine_transform(picture, matrix, offset, order=1).clip(0, 1)
    pen: Pixels = bent ** random.uniform(0.5, 1.6)
    return pen


def _flat(pixels: Pixels) -> NDArray[np.float32]:
    return pixels.reshape(len(pixels), SIDE * SIDE)


def _export(classifier: MLPClassifier) -> onnx.ModelProto:
    """The classifier as ONNX: `image` (N, 1, 8, 8) float32 in, `probabilities` (N, 10) float32 out."""
    weights = {
        f"{kind}{layer}": array.astype(np.float32)
        for kind, arrays in (("w", classifier.coefs_), ("b", classifier.intercepts_))
        for layer, array in enumerate(arrays)
    }
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["image"], ["pixels"]),
            helper.make_node("Gemm", ["pixels", "w0", "b0"], ["sums"]),
            helper.make_node("Relu", ["sums"], ["hidden"]),
            helper.make_node("Gemm", ["hidden", "w1", "b1"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"]),
        ],
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, SIDE, SIDE])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 10])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def _serving(classifier: MLPClassifier, pixels: Pixels, labels: Labels, out: Path) -> dict[str, Any]:
    """The serving.json of the bundle; writes the pictures it names below `out`.

    What scikit-learn answers is the golden example: the export has to say the same.
    """
    pictures = []
    for number, (picture, label) in enumerate(zip(pixels, labels, strict=True), start=1):
        path = f"examples/{number}-is-{label}.png"
        Image.fromarray((picture * 255).round().astype(np.uint8)).save(out / path)
        pictures.append({"image": path, "label": str(label)})
    tensor = {
        "inputs": {"image": pixels[:1, np.newaxis].tolist()},
        "outputs": {"probabilities": classifier.predict_proba(_flat(pixels[:1])).tolist()},
        "tolerance": 1e-4,
    }
    return {
        "labels": [str(digit) for digit in range(10)],
        "image": {"input": "image", "width": SIDE, "height": SIDE, "mode": "L", "scale": 1 / 255},
        "scores": {"output": "probabilities"},
        "examples": [*pictures, tensor],
    }


if __name__ == "__main__":
    main()
