"""ONNX models for tests, made with the onnx package's helpers."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 21, 10


def save(path: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any], weights: list[Any]) -> None:
    """Write a model of one graph."""
    graph = helper.make_graph(nodes, "graph", inputs, outputs, weights)
    opsets = [helper.make_opsetid("", OPSET)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION), path)


def value(name: str, kind: int, shape: list[Any]) -> Any:
    """Describe an input or an output."""
    return helper.make_tensor_value_info(name, kind, shape)


def identity(path: Path, kind: int = TensorProto.FLOAT, shape: tuple[Any, ...] = ("N", 2)) -> None:
    """`y = x`, of any datatype."""
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    save(path, nodes, [value("x", kind, list(shape))], [value("y", kind, list(shape))], [])


def weights(name: str, array: NDArray[Any]) -> Any:
    """Make an initializer."""
    return numpy_helper.from_array(array, name)


def classifier(path: Path, likes: int = 0, batch: Any = "N", side: int = 8) -> None:
    """Score pictures [N, 1, side, side] for ten classes; the class `likes` is sure to win."""
    bias = np.zeros(10, np.float32)
    bias[likes] = 5
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "w"], ["product"]),
        helper.make_node("Add", ["product", "b"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    inputs = [value("image", TensorProto.FLOAT, [batch, 1, side, side])]
    outputs = [value("probabilities", TensorProto.FLOAT, [batch, 10])]
    zeros = np.zeros((side * side, 10), np.float32)
    save(path, nodes, inputs, outputs, [weights("w", zeros), weights("b", bias)])


def nan(path: Path) -> None:
    """`y = x / 0`: NaN for 0, infinities for all else."""
    nodes = [helper.make_node("Div", ["x", "zero"], ["y"])]
    zero = weights("zero", np.zeros(1, np.float32))
    save(path, nodes, [value("x", TensorProto.FLOAT, ["N"])], [value("y", TensorProto.FLOAT, ["N"])], [zero])


def add(path: Path) -> None:
    """`total = a + b`, `difference = a - b`: two inputs, two outputs."""
    nodes = [
        helper.make_node("Add", ["a", "b"], ["total"]),
        helper.make_node("Sub", ["a", "b"], ["difference"]),
    ]
    inputs = [value(name, TensorProto.FLOAT, ["N", 2]) for name in ("a", "b")]
    outputs = [value(name, TensorProto.FLOAT, ["N", 2]) for name in ("total", "difference")]
    save(path, nodes, inputs, outputs, [])


def scaled(path: Path) -> None:
    """`y = x * k`, where `k` is 2 unless it is given."""
    nodes = [helper.make_node("Mul", ["x", "k"], ["y"])]
    inputs = [value("x", TensorProto.FLOAT, ["N"]), value("k", TensorProto.FLOAT, [])]
    output = value("y", TensorProto.FLOAT, ["N"])
    save(path, nodes, inputs, [output], [weights("k", np.array(2, np.float32))])


def scores(path: Path, shape: list[Any], picture: tuple[Any, ...] = ("N", 1, 1, 3)) -> None:
    """Give the mean of each channel of pictures [N, 1, 1, 3] as scores of that shape.

    Dimensions of 1 are put where the shape has them; a first one of a number is made of as many copies.
    """
    nodes = [helper.make_node("ReduceMean", ["x", "axes"], ["mean"], keepdims=0)]
    constants = [weights("axes", np.array([1, 2]))]
    if shape[0] not in ("N", 1):
        nodes.append(helper.make_node("Unsqueeze", ["mean", "front"], ["deep"]))
        nodes.append(helper.make_node("Expand", ["deep", "times"], ["y"]))
        constants += [weights("front", np.array([0])), weights("times", np.array([shape[0], 1, 1]))]
    else:
        nodes.append(helper.make_node("Reshape", ["mean", "shape"], ["y"]))
        constants.append(weights("shape", np.array([1 if shape[0] == 1 else -1, *shape[1:]])))
    inputs = [value("x", TensorProto.FLOAT, list(picture))]
    save(path, nodes, inputs, [value("y", TensorProto.FLOAT, shape)], constants)


def pick(path: Path) -> None:
    """`y = table[x]` of four: an index beyond fails when the model runs."""
    nodes = [helper.make_node("Gather", ["table", "x"], ["y"])]
    table = weights("table", np.arange(4, dtype=np.float32))
    save(path, nodes, [value("x", TensorProto.INT64, ["N"])], [value("y", TensorProto.FLOAT, ["N"])], [table])


def slow(path: Path) -> None:
    """Multiply two matrices `rounds` times: as slow as a test needs."""
    side = 256
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["before", "w"], ["after"]),
            helper.make_node("Identity", ["go"], ["on"]),
        ],
        "body",
        [value("at", TensorProto.INT64, []), value("go", TensorProto.BOOL, []),
         value("before", TensorProto.FLOAT, [side, side])],
        [value("on", TensorProto.BOOL, []), value("after", TensorProto.FLOAT, [side, side])],
    )  # fmt: skip
    nodes = [
        helper.make_node("Loop", ["rounds", "", "start"], ["end"], body=body),
        helper.make_node("ReduceSum", ["end"], ["y"], keepdims=0),
    ]
    constants = [
        weights("w", np.eye(side, dtype=np.float32)),
        weights("start", np.ones((side, side), np.float32)),
    ]
    save(
        path, nodes, [value("rounds", TensorProto.INT64, [])], [value("y", TensorProto.FLOAT, [])], constants
    )


def hard(path: Path) -> None:
    """Fill a matrix of 1024 x 1024 with what is given, and square it: much work for a small file."""
    nodes = [
        helper.make_node("Expand", ["x", "shape"], ["wide"]),
        helper.make_node("MatMul", ["wide", "wide"], ["square"]),
        helper.make_node("ReduceSum", ["square"], ["y"], keepdims=0),
    ]
    shape = weights("shape", np.array([1024, 1024], np.int64))
    save(path, nodes, [value("x", TensorProto.FLOAT, [1])], [value("y", TensorProto.FLOAT, [])], [shape])


def big(path: Path, mebibytes: int, seed: int) -> None:
    """Score pictures like `classifier`, through a matrix of that size."""
    random = np.random.default_rng(seed)
    side = int((mebibytes * 2**20 / 4) ** 0.5)
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "a"], ["wide"]),
        helper.make_node("MatMul", ["wide", "b"], ["deep"]),
        helper.make_node("MatMul", ["deep", "c"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    shapes = {"a": (64, side), "b": (side, side), "c": (side, 10)}
    # Of mean 0 and variance 1 / rows: so are the logits of an input like that, and no class is sure to win.
    tensors = [
        weights(
            name, (random.random(shape, np.float32) - np.float32(0.5)) * np.float32((12 / shape[0]) ** 0.5)
        )
        for name, shape in shapes.items()
    ]
    inputs = [value("image", TensorProto.FLOAT, ["N", 1, 8, 8])]
    save(path, nodes, inputs, [value("probabilities", TensorProto.FLOAT, ["N", 10])], tensors)


def big_beside(path: Path, mebibytes: int, seed: int) -> None:
    """Be the same with the weights in a file beside it."""
    big(path, mebibytes, seed)
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, all_tensors_to_one_file=True, location="weights")


def window(path: Path) -> None:
    """Return the largest of each three neighbours: a run on fewer elements fails."""
    nodes = [helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[3])]
    inputs, outputs = ([value(name, TensorProto.FLOAT, [1, 1, None])] for name in ("x", "y"))
    save(path, nodes, inputs, outputs, [])


def endless(path: Path) -> None:
    """Run a loop that never ends, whatever is given."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Add", ["before", "one"], ["after"])],
        "body",
        [value("at", TensorProto.INT64, []), value("go", TensorProto.BOOL, []),
         value("before", TensorProto.FLOAT, [1])],
        [value("on", TensorProto.BOOL, []), value("after", TensorProto.FLOAT, [1])],
        [weights("one", np.ones(1, np.float32))],
    )  # fmt: skip
    nodes = [
        helper.make_node("Loop", ["rounds", "", "start"], ["end"], body=body),
        helper.make_node("Add", ["x", "end"], ["y"]),
    ]
    constants = [weights("rounds", np.array(2**62)), weights("start", np.zeros(1, np.float32))]
    save(path, nodes, [value("x", TensorProto.FLOAT, [1])], [value("y", TensorProto.FLOAT, [1])], constants)


def greedy(path: Path, elements: int) -> None:
    """Make a tensor of so many floats at each run, and add it up."""
    nodes = [
        helper.make_node("Add", ["x", "elements"], ["shape"]),
        helper.make_node("ConstantOfShape", ["shape"], ["zeros"]),
        helper.make_node("ReduceSum", ["zeros"], ["y"], keepdims=0),
    ]
    constants = [weights("elements", np.array([elements]))]
    save(path, nodes, [value("x", TensorProto.INT64, [1])], [value("y", TensorProto.FLOAT, [])], constants)


def crashes(path: Path) -> None:
    """`y = -2**63 / (x - 1)`: for x = 0 the result has no 64 bits, and x86-64 ends the process (SIGFPE)."""
    nodes = [
        helper.make_node("Sub", ["x", "one"], ["less"]),
        helper.make_node("Div", ["least", "less"], ["y"]),
    ]
    constants = [weights("one", np.array([1])), weights("least", np.array([-(2**63)]))]
    inputs, outputs = ([value(name, TensorProto.INT64, ["N"])] for name in ("x", "y"))
    save(path, nodes, inputs, outputs, constants)


def random(path: Path) -> None:
    """Give other numbers at each run."""
    nodes = [
        helper.make_node("RandomNormalLike", ["x"], ["noise"]),
        helper.make_node("Add", ["x", "noise"], ["y"]),
    ]
    save(path, nodes, [value("x", TensorProto.FLOAT, [4])], [value("y", TensorProto.FLOAT, [4])], [])


def mapping(path: Path) -> None:
    """Give what scikit-learn's converter makes by default: a list of maps, which v2 cannot carry."""
    nodes = [helper.make_node("ZipMap", ["x"], ["y"], domain="ai.onnx.ml", classlabels_int64s=[0, 1])]
    kind = helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    output = helper.make_value_info("y", helper.make_sequence_type_proto(kind))
    graph = helper.make_graph(nodes, "graph", [value("x", TensorProto.FLOAT, ["N", 2])], [output])
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", 3)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION), path)
