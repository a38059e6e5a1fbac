"""Small ONNX models in the text form of the package onnx, for the tests of the walk over a graph."""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnxruntime
from numpy.typing import NDArray

Array = NDArray[Any]
# Lengths of the dimensions that a model leaves open; a row alone, and as many as are run together.
LENGTHS = {"S": 3, "T": 2}
ROWS = 5
OPSET = 21
CASES = Path(__file__).with_name("graphs_of_rows")
_OPSETS = '"com.microsoft": 1, "custom": 1'


@dataclass(frozen=True)
class Case:
    """A model in text form; `reason` are words of why it is refused, empty if it is not."""

    name: str
    text: str
    opset: int
    reason: str

    def __str__(self) -> str:
        """Return the name, for the test's."""
        return self.name


def cases(file: str) -> list[Case]:
    """Read the blocks of a file in `graphs_of_rows/`."""
    blocks = (CASES / file).read_text().split("\n## ")[1:]
    return [_case(block) for block in blocks]


def _case(block: str) -> Case:
    title, *lines = block.strip().split("\n")
    name, _, opset = title.partition(" | ")
    reasons = [line.removeprefix("> ") for line in lines if line.startswith("> ")]
    text = " ".join(line for line in lines if not line.startswith("> "))
    return Case(name, text, int(opset or OPSET), " ".join(reasons))


def save(path: Path, text: str, *, opset: int = OPSET, functions: str = "") -> None:
    """Write the model `(inputs) => (outputs) <constants> { nodes }`, whose rows are N.

    `w = f(2x3)` stands for a constant of floats in that shape.
    """
    # Version 5 has one operator for all trees, and none of those before.
    trees = 5 if ".TreeEnsemble<" in text else 3
    head = f'<ir_version: 10, opset_import: ["": {opset}, "ai.onnx.ml": {trees}, {_OPSETS}]>'
    model = onnx.parser.parse_model(f"{head} agraph {_filled(text)} {functions}")
    onnx.save(model, path)


def _filled(text: str) -> str:
    return re.sub(r"(\w+) = f\(([\dx]+)\)", _constant, text)


def _constant(found: re.Match[str]) -> str:
    name, dims = found[1], [int(length) for length in found[2].split("x")]
    numbers = [round(0.3 + 0.17 * at % 1.9, 3) for at in range(math.prod(dims))]
    return f"float[{','.join(map(str, dims))}] {name} = {{{', '.join(map(str, numbers))}}}"


class Runner:
    """A model in bare onnxruntime, with inputs made for it."""

    def __init__(self, path: Path) -> None:
        """Load the model without optimisation, so that it runs as it is written."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def inputs(self, rows: int = ROWS, seed: int = 0) -> dict[str, Array]:
        """Return inputs of that many rows."""
        random = np.random.default_rng(seed)
        return {spec.name: self._input(spec, rows, random) for spec in self.session.get_inputs()}

    def _input(self, spec: Any, rows: int, random: np.random.Generator) -> Array:
        shape = [rows, *(LENGTHS.get(length, length) for length in spec.shape[1:])]
        if spec.type == "tensor(string)":
            return np.asarray(random.choice(["a", "b", "c"], shape), object)
        if spec.type in ("tensor(float)", "tensor(double)"):
            return random.standard_normal(shape).astype("f4" if spec.type == "tensor(float)" else "f8")
        kinds = {"tensor(bool)": "?", "tensor(uint8)": "u1", "tensor(int8)": "i1", "tensor(int32)": "i4"}
        return random.integers(0, 2, shape).astype(kinds.get(spec.type, "i8"))

    def run(self, inputs: dict[str, Array]) -> list[Array]:
        """Return all outputs."""
        return list(self.session.run(None, inputs))


def assert_rows_apart(path: Path, rows: int = ROWS) -> None:
    """Run rows of random data together and alone: each must get the same, to the rounding of the numbers."""
    runner = Runner(path)
    for seed in range(3):
        inputs = runner.inputs(rows, seed)
        together = runner.run(inputs)
        alone = [
            runner.run({name: array[at : at + 1] for name, array in inputs.items()}) for at in range(rows)
        ]
        for place, array in enumerate(together):
            assert array.shape[0] == rows, array.shape
            for at in range(rows):
                one = alone[at][place]
                assert one.shape == array[at : at + 1].shape
                if array.dtype.kind in "fd":
                    np.testing.assert_allclose(array[at : at + 1], one, 1e-5, 1e-6)
                else:
                    np.testing.assert_array_equal(array[at : at + 1], one)
