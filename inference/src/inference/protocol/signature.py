"""What a model takes and gives."""

from dataclasses import dataclass

from inference.protocol.datatypes import Datatype

VARIABLE = -1


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A named tensor: its datatype and its shape, in which -1 is a dimension of any length."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Tell whether a tensor of this shape can be one of these."""
        if len(shape) != len(self.shape):
            return False
        # Each request comes through here: a generator for `all` takes twice as long.
        for own, given in zip(self.shape, shape, strict=True):  # noqa: SIM110
            if own not in (given, VARIABLE):
                return False
        return True

    def describe(self) -> dict[str, object]:
        """Return the form that v2's model metadata has."""
        return {"name": self.name, "datatype": self.datatype.name, "shape": list(self.shape)}


@dataclass(frozen=True, slots=True)
class Signature:
    """The inputs and outputs of a model, in the model's own order.

    `optional` inputs have a default in the model; a request may leave them out.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    optional: tuple[TensorSpec, ...] = ()

    def input(self, name: str) -> TensorSpec | None:
        """Return the input of that name, optional or not, if there is one."""
        return _named(name, self.inputs) or _named(name, self.optional)

    def output(self, name: str) -> TensorSpec | None:
        """Return the output of that name, if there is one."""
        return _named(name, self.outputs)

    def takes(self) -> str:
        """Return the names of all inputs for a sentence: `a, b (optional: c)`."""
        more = f" (optional: {names(self.optional)})" if self.optional else ""
        return names(self.inputs) + more

    def batched(self, output: TensorSpec) -> bool:
        """Return whether the first dimension of an output is that of a batch.

        As in Triton: the first dimension of that output and of every required input is of any length.
        """
        return bool(self.inputs) and all(spec.shape[:1] == (VARIABLE,) for spec in (*self.inputs, output))


def _named(name: str, specs: tuple[TensorSpec, ...]) -> TensorSpec | None:
    for spec in specs:
        if spec.name == name:
            return spec
    return None


def names(specs: tuple[TensorSpec, ...]) -> str:
    """Return the names for a sentence: `a, b`."""
    return ", ".join(spec.name for spec in specs) or "none"
