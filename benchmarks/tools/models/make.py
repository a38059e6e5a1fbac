"""Make a model for the bench: make.py (resnet50|large) DIRECTORY. Runs in its own venv, which has onnx."""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 7168  # of a square matrix of float32: 196 MiB, and two of 7 MiB


def resnet50() -> onnx.ModelProto:
    """ResNet-50 as the onnx package brings it for its tests, with random weights.

    As it is, it makes 98 MiB of constants when it is loaded, which no model does that was trained.
    """
    path = Path(onnx.__file__).parent / "backend/test/data/light/light_resnet50.onnx"
    model = onnx.load(path)
    graph, random = model.graph, np.random.default_rng(1)
    shapes = {tensor.name: tuple(numpy_helper.to_array(tensor)) for tensor in graph.initializer}
    recipes = [node for node in graph.node if node.op_type == "ConstantOfShape"]
    for node in recipes:
        shape = shapes[node.input[0]]
        low, high = (0.5, 1.5) if len(shape) == 1 else (-1, 1) / np.sqrt(np.prod(shape[1:]))
        weights = random.uniform(low, high, shape).astype(np.float32)
        graph.initializer.append(numpy_helper.from_array(weights, node.output[0]))
        graph.node.remove(node)
    used = {name for node in graph.node for name in node.input}
    for values in (graph.initializer, graph.input):
        for unused in [value for value in values if value.name not in used]:
            values.remove(unused)
    model.ir_version = 8  # in which constants need not be inputs
    return model


def large() -> onnx.ModelProto:
    """Two small layers around a large one: `image` (N, 1, 8, 8) in, `probabilities` (N, 10) out."""
    random = np.random.default_rng(1)
    shapes = {"a": (64, SIDE), "b": (SIDE, SIDE), "c": (SIDE, 256), "d": (256, 10)}
    weights = [
        numpy_helper.from_array(random.standard_normal(shape, np.float32) / shape[0] ** 0.5, name)
        for name, shape in shapes.items()
    ]
    values = ["pixels", "v1", "v2", "v3", "logits"]
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["image"], ["pixels"]),
            *(
                helper.make_node("MatMul", [values[i], name], [values[i + 1]])
                for i, name in enumerate(shapes)
            ),
            helper.make_node("Softmax", ["logits"], ["probabilities"]),
        ],
        "large",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 8, 8])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 10])],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


if __name__ == "__main__":
    _, name, place = sys.argv
    model = {"resnet50": resnet50, "large": large}[name]()
    Path(place).mkdir(parents=True)
    onnx.save(model, Path(place, "model.onnx"))
