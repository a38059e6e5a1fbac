"""Graphs of operators that move, join and mix dimensions, put together by chance."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

import models

_UNARY = ("Relu", "Neg", "Abs", "Tanh", "Sigmoid")
_BINARY = ("Add", "Sub", "Mul", "Max", "Min")
_REDUCTIONS = ("ReduceSum", "ReduceMax", "ReduceMean")
_SLICES = ((0, 1), (0, 2), (0, 2**31 - 1), (-1, 2**31 - 1), (0, 10**9))
_KINDS = (
    "unary", "binary", "constant", "reduce", "softmax", "transpose", "reshape", "by_shape", "flatten",
    "unsqueeze", "squeeze", "concat", "cut", "gather", "matmul", "tile",
)  # fmt: skip


def random_graph(random: np.random.Generator) -> Any:
    """Return a model of up to 8 such operators, with one output whose rows may be N."""
    return _Builder(random).model()


class _Builder:
    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        rank = int(random.integers(1, 5))
        lengths = [
            f"d{at}" if random.random() < 0.5 else int(random.integers(1, 4)) for at in range(rank - 1)
        ]
        names = ["x", "z"][: int(random.integers(1, 3))]
        self.inputs = [models.value(name, TensorProto.FLOAT, ["N", *lengths]) for name in names]
        # Each tensor with its number of dimensions.
        self.tensors = [(name, rank) for name in names]

    def model(self) -> Any:
        """Add operators, then give the last tensor as many rows as the input has."""
        for _ in range(int(self.random.integers(1, 9))):
            name, rank = self.pick()
            getattr(self, self.one_of(_KINDS))(name, rank)
        name, rank = self.tensors[-1]
        if self.random.random() < 0.6:
            shape = self.add("Concat", [self.length("x", 0), self.numbers([-1])], axis=0)
            name, rank = self.add("Reshape", [name, shape]), 2
        output = models.value(self.add("Identity", [name]), TensorProto.FLOAT, [None] * rank)
        graph = helper.make_graph(self._live(output.name), "graph", self.inputs, [output], self.constants)
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=models.IR_VERSION
        )

    def _live(self, output: str) -> list[Any]:
        """Return the nodes that the output needs: others may fail when a row runs alone."""
        live, kept = {output}, []
        for node in reversed(self.nodes):
            if node.output[0] in live:
                kept.append(node)
                live.update(node.input)
        return kept[::-1]

    def pick(self) -> tuple[str, int]:
        """Return a tensor, most likely one of the last."""
        first = max(0, len(self.tensors) - 4) if self.random.random() < 0.8 else 0
        return self.tensors[int(self.random.integers(first, len(self.tensors)))]

    def axis(self, rank: int) -> int:
        """Return an axis, from the front or the end."""
        return int(self.random.integers(-rank, rank)) if rank else 0

    def one_of(self, words: tuple[str, ...]) -> str:
        """Return one of them."""
        return words[int(self.random.integers(len(words)))]

    def array(self, array: NDArray[Any]) -> str:
        """Add a constant."""
        self.constants.append(numpy_helper.from_array(array, f"c{len(self.constants)}"))
        return f"c{len(self.constants) - 1}"

    def numbers(self, numbers: list[int]) -> str:
        """Add a constant of whole numbers."""
        return self.array(np.array(numbers, np.int64))

    def add(self, op: str, inputs: list[str], **attributes: Any) -> str:
        """Add a node; return its output."""
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        return name

    def put(self, rank: int, op: str, inputs: list[str], **attributes: Any) -> None:
        """Add a node whose output later ones may take."""
        self.tensors.append((self.add(op, inputs, **attributes), rank))

    def length(self, name: str, axis: int) -> str:
        """Return the length of a tensor's dimension, as a vector."""
        return self.add("Gather", [self.add("Shape", [name]), self.numbers([axis])], axis=0)

    def unary(self, name: str, rank: int) -> None:
        self.put(rank, self.one_of(_UNARY), [name])

    def binary(self, name: str, rank: int) -> None:
        other, others = self.pick()
        self.put(max(rank, others), self.one_of(_BINARY), [name, other])

    def constant(self, name: str, rank: int) -> None:
        shape = self.random.integers(1, 4, int(self.random.integers(0, 4)))
        other = self.array(self.random.standard_normal(shape).astype(np.float32))
        self.put(max(rank, len(shape)), self.one_of(_BINARY), [name, other])

    def reduce(self, name: str, rank: int) -> None:
        if rank:
            keep = int(self.random.integers(2))
            axes = self.numbers([self.axis(rank)])
            self.put(rank if keep else rank - 1, self.one_of(_REDUCTIONS), [name, axes], keepdims=keep)

    def softmax(self, name: str, rank: int) -> None:
        if rank:
            self.put(rank, "Softmax", [name], axis=self.axis(rank))

    def transpose(self, name: str, rank: int) -> None:
        if rank:
            self.put(rank, "Transpose", [name], perm=[int(place) for place in self.random.permutation(rank)])

    def reshape(self, name: str, rank: int) -> None:
        entries = [
            int(one) for one in self.random.choice([0, 1, 2, 3, 4, 6], int(self.random.integers(1, 5)))
        ]
        entries[int(self.random.integers(len(entries)))] = -1
        self.put(len(entries), "Reshape", [name, self.numbers(entries)])

    def by_shape(self, name: str, rank: int) -> None:
        count = int(self.random.integers(1, 5))
        entries = [self._entry(name, rank) for _ in range(count)]
        shape = self.add("Concat", entries, axis=0)
        if self.random.random() < 0.75:
            self.put(count, "Reshape", [name, shape])
        elif self.random.random() < 0.5:
            self.put(max(count, rank), "Expand", [name, shape])
        else:
            self.put(count, "ConstantOfShape", [shape])

    def _entry(self, name: str, rank: int) -> str:
        chance = self.random.random()
        if not rank or chance > 0.6:
            return self.numbers([int(self.random.integers(-1, 4))])
        length = self.length(name, int(self.random.integers(rank)) if chance < 0.3 else 0)
        return (
            self.add("Mul", [length, self.numbers([int(self.random.integers(1, 4))])])
            if chance < 0.1
            else length
        )

    def flatten(self, name: str, rank: int) -> None:
        self.put(2, "Flatten", [name], axis=int(self.random.integers(0, rank + 1)))

    def unsqueeze(self, name: str, rank: int) -> None:
        self.put(rank + 1, "Unsqueeze", [name, self.numbers([self.axis(rank + 1)])])

    def squeeze(self, name: str, rank: int) -> None:
        if rank:
            axes = [self.numbers([self.axis(rank)])] if self.random.random() < 0.7 else []
            self.put(rank - 1, "Squeeze", [name, *axes])

    def concat(self, name: str, rank: int) -> None:
        if rank:
            self.put(rank, "Concat", [name, self.pick()[0]], axis=self.axis(rank))

    def cut(self, name: str, rank: int) -> None:
        if rank:
            bounds = _SLICES[int(self.random.integers(len(_SLICES)))]
            self.put(rank, "Slice", [name, *(self.numbers([one]) for one in (*bounds, self.axis(rank)))])

    def gather(self, name: str, rank: int) -> None:
        if rank:
            places = self.random.integers(-1, 1, self.random.integers(1, 3, int(self.random.integers(3))))
            self.put(
                rank - 1 + places.ndim,
                "Gather",
                [name, self.array(np.asarray(places, np.int64))],
                axis=self.axis(rank),
            )

    def matmul(self, name: str, rank: int) -> None:
        other, others = self.pick()
        if rank and others:
            self.put(max(rank, others) - (min(rank, others) == 1), "MatMul", [name, other])

    def tile(self, name: str, rank: int) -> None:
        self.put(rank, "Tile", [name, self.numbers([int(one) for one in self.random.integers(1, 3, rank)])])
