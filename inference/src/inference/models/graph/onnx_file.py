"""An ONNX file as graphs, nodes, attributes and small constants; weights stay where they are.

The package `onnx` would read the weights too, and is too large for the image.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from mmap import ACCESS_READ, mmap
from pathlib import Path

from inference.models.graph.fields import ATTRIBUTE, FUNCTION, GRAPH, MODEL, NODE, OPSET
from inference.models.graph.tensor import Tensor, read_tensor
from inference.models.graph.value_info import value_info
from inference.models.graph.wire import Message, check_count, integers, malformed, reals, signed

# Nodes of all graphs and functions of a file together, and how deep graphs are nested.
MAX_NODES = 200_000
MAX_DEPTH = 16


@dataclass(slots=True)
class Attribute:
    """An attribute of a node. Its value is read when somebody asks: trees have lists of millions."""

    name: str
    message: Message
    file: "File"

    def integer(self) -> int | None:
        """Return the integer, None if it is none."""
        value = self._last(ATTRIBUTE["i"])
        return signed(value) if isinstance(value, int) else None

    def real(self) -> float | None:
        """Return the float, None if it is none."""
        value = self._last(ATTRIBUTE["f"])
        return reals(value, "f")[0] if isinstance(value, Message) and value.size == 4 else None

    def text(self) -> str | None:
        """Return the string, None if it is none."""
        value = self._last(ATTRIBUTE["s"])
        return value.text() if isinstance(value, Message) else None

    def integers(self) -> list[int]:
        """Return the list of integers; raises Refused if it is too long."""
        found = list[int]()
        for number, wire, value in self.message.fields():
            if number == ATTRIBUTE["ints"]:
                found += integers(wire, value)
                check_count(found)
        return found

    def reals(self) -> list[float]:
        """Return the list of floats; raises Refused if it is too long."""
        found = list[float]()
        for number, _, value in self.message.fields():
            if number == ATTRIBUTE["floats"]:
                found += reals(value, "f")
                check_count(found)
        return found

    def count(self) -> int:
        """Return how many integers or strings the list has; raises Refused if there are too many."""
        strings = sum(number == ATTRIBUTE["strings"] for number, _, _ in self.message.fields())
        return strings or len(self.integers())

    def tensor(self) -> Tensor | None:
        """Return the tensor, None if it is none."""
        value = self._last(ATTRIBUTE["t"])
        return read_tensor(value, self.file.directory) if isinstance(value, Message) else None

    def graph(self) -> "Graph | None":
        """Return the graph, None if it is none. Raises Refused if it has too many nodes."""
        value = self._last(ATTRIBUTE["g"])
        return read_graph(value, self.file) if isinstance(value, Message) else None

    def refers(self) -> str:
        """Return the attribute of the function that this one stands for; empty for none."""
        value = self._last(ATTRIBUTE["ref_attr_name"])
        return value.text() if isinstance(value, Message) else ""

    def _last(self, number: int) -> int | Message | None:
        found = None
        for field_number, _, value in self.message.fields():
            if field_number == number:
                found = value
        return found


@dataclass(slots=True)
class Node:
    """A call of an operator; an input of the name '' is left out."""

    op: str = ""
    domain: str = ""
    overload: str = ""
    name: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    attributes: dict[str, Attribute] = field(default_factory=dict)


@dataclass(slots=True)
class Graph:
    """Nodes in their order, constants, and the names of inputs and outputs.

    `inputs` are without those that are constants. A dimension is None if the file does not give its length,
    a shape is None if the file does not give it.
    """

    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Tensor] = field(default_factory=dict)
    inputs: dict[str, list[int | None] | None] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Function:
    """A function of the model's own; `defaults` are its attributes' values unless a call gives others."""

    nodes: list[Node] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    opsets: dict[str, int] = field(default_factory=dict)
    defaults: dict[str, Attribute] = field(default_factory=dict)


@dataclass(slots=True)
class File:
    """A model: its graph, the version of each operator set, its functions by domain, name and overload."""

    directory: Path
    graph: Graph = field(default_factory=Graph)
    opsets: dict[str, int] = field(default_factory=dict)
    functions: dict[tuple[str, str, str], Function] = field(default_factory=dict)
    nodes: int = 0


@contextmanager
def open_model(path: Path) -> Iterator[File]:
    """Read a model's structure. The file stays mapped until the end; raises Refused if it cannot be read."""
    try:
        with path.open("rb") as opened, mmap(opened.fileno(), 0, access=ACCESS_READ) as data:
            yield read_model(Message(data, 0, len(data)), path.parent)
    except (OSError, ValueError) as error:
        raise malformed(str(error)) from None


def read_model(message: Message, directory: Path) -> File:
    """Read a ModelProto whose external data lie in `directory`; raises Refused."""
    file = File(directory)
    for number, _, value in message.fields():
        if not isinstance(value, Message):
            continue
        if number == MODEL["graph"]:
            if file.graph.nodes:
                raise malformed("it has two graphs")
            file.graph = read_graph(value, file)
        elif number == MODEL["opset_import"]:
            file.opsets |= _opset(value)
        elif number == MODEL["functions"]:
            key, function = _function(value, file)
            file.functions[key] = function
    return file


def read_graph(message: Message, file: File) -> Graph:
    """Read a GraphProto; raises Refused if it is malformed, has too many nodes, or sparse constants."""
    graph, inputs = Graph(), list[Message]()
    for number, _, value in message.fields():
        if not isinstance(value, Message):
            continue
        if number == GRAPH["node"]:
            graph.nodes.append(_node(value, file))
        elif number == GRAPH["initializer"]:
            tensor = read_tensor(value, file.directory)
            graph.constants[tensor.name] = tensor
        elif number == GRAPH["sparse_initializer"]:
            raise malformed("it has sparse constants")
        elif number == GRAPH["input"]:
            inputs.append(value)
        elif number == GRAPH["output"]:
            graph.outputs.append(value_info(value)[0])
    graph.inputs = {name: shape for name, shape in map(value_info, inputs) if name not in graph.constants}
    return graph


def _node(message: Message, file: File) -> Node:
    file.nodes += 1
    if file.nodes > MAX_NODES:
        raise malformed(f"it has more than {MAX_NODES} nodes")
    node = Node()
    setters: dict[int, Callable[[Message], object]] = {
        NODE["input"]: lambda value: node.inputs.append(value.text()),
        NODE["output"]: lambda value: node.outputs.append(value.text()),
        NODE["attribute"]: lambda value: _add(node.attributes, value, file),
    }
    names = {
        NODE["name"]: "name",
        NODE["op_type"]: "op",
        NODE["domain"]: "domain",
        NODE["overload"]: "overload",
    }
    for number, _, value in message.fields():
        if isinstance(value, Message) and number in setters:
            setters[number](value)
        elif isinstance(value, Message) and number in names:
            setattr(node, names[number], value.text())
    return node


def _add(attributes: dict[str, Attribute], message: Message, file: File) -> None:
    # The name comes first in all files that protobuf writes: the rest is not looked at.
    for number, _, value in message.fields():
        if number == ATTRIBUTE["name"] and isinstance(value, Message):
            attributes[value.text()] = Attribute(value.text(), message, file)
            return


def _opset(message: Message) -> dict[str, int]:
    domain, version = "", 0
    for number, _, value in message.fields():
        if number == OPSET["domain"] and isinstance(value, Message):
            domain = value.text()
        elif number == OPSET["version"] and isinstance(value, int):
            version = value
    return {"" if domain == "ai.onnx" else domain: version}


def _function(message: Message, file: File) -> tuple[tuple[str, str, str], Function]:
    function, key = Function(), dict.fromkeys(("domain", "name", "overload"), "")
    for number, _, value in message.fields():
        if not isinstance(value, Message):
            continue
        for word in key:
            if number == FUNCTION[word]:
                key[word] = value.text()
        if number == FUNCTION["input"]:
            function.inputs.append(value.text())
        elif number == FUNCTION["output"]:
            function.outputs.append(value.text())
        elif number == FUNCTION["node"]:
            function.nodes.append(_node(value, file))
        elif number == FUNCTION["opset_import"]:
            function.opsets |= _opset(value)
        elif number == FUNCTION["attribute_proto"]:
            _add(function.defaults, value, file)
    return (key["domain"], key["name"], key["overload"]), function
