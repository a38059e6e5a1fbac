"""The proof that a model's rows stay apart: a walk over its graph, from each input to each output.

The first dimension of each input has the rows of all requests of a run. For every tensor the walk finds the
dimension along which they lie, one block of equal length for each row. An operator may move that dimension,
but no element of a row may depend on another row. What the walk does not know, it refuses.

Requests share a run only if their inputs have equal shapes but for the rows (`batches.key`), so that whatever
the walk calls the same for all rows is the same when a request runs alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from inference.models.graph import (
    axes,
    broadcast,
    fused,
    gather,
    matrices,
    parts,
    pictures,
    sequences,
    shapes,
    tables,
)
from inference.models.graph.call import Call, Rule
from inference.models.graph.constants import constant_node, of_tensor
from inference.models.graph.mixing import NEVER_CONSTANT, REASONS, UNKNOWN
from inference.models.graph.onnx_file import (
    MAX_DEPTH,
    MAX_NODES,
    Attribute,
    File,
    Function,
    Graph,
    Node,
    open_model,
)
from inference.models.graph.terms import Symbols, rows
from inference.models.graph.value import Mixes, Value

_ONNX = (
    broadcast.RULES | shapes.RULES | parts.RULES | gather.RULES | axes.RULES | matrices.RULES | pictures.RULES
    | sequences.RULES | {"Constant": constant_node}
)  # fmt: skip
RULES: dict[str, dict[str, Rule]] = {"": _ONNX, "ai.onnx.ml": tables.RULES, "com.microsoft": fused.RULES}


def why_mixed(path: Path) -> str | None:
    """Return why rows of a model may mix, naming the operator and its node; None if they stay apart.

    Raises Refused if the file cannot be read.
    """
    with open_model(path) as file:
        walk = _Walk(file)
        try:
            return walk.run()
        except Mixes as why:
            return str(why)


@dataclass(slots=True)
class _Scope:
    """The tensors of a graph, and of those around it; what a function's attributes stand for."""

    values: dict[str, Value]
    opsets: Mapping[str, int]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    depth: int = 0

    def within(self) -> "_Scope":
        """Return the scope of a graph inside this one."""
        return replace(self, values=dict(self.values), depth=self.depth + 1)


class _Walk:
    """One walk over a file."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._symbols = Symbols()
        self._nodes = 0

    def run(self) -> str | None:
        """Return the first reason why an output's rows may mix; None if there is none."""
        graph = self._file.graph
        scope = _Scope({}, self._file.opsets)
        for name, shape in graph.inputs.items():
            scope.values[name] = self._input(name, shape)
        for name, value in zip(graph.outputs, self._graph(graph, scope), strict=True):
            if value.mixed:
                return f"output {name!r}: {value.mixed}"
            if value.numbered or value.rows != 0 or value.dims[0] != rows():
                return f"output {name!r} has not one row for each row of the inputs{_where(value)}"
        return None

    def _input(self, name: str, shape: Sequence[int | None] | None) -> Value:
        if not shape:
            raise Mixes(f"input {name!r} has no dimension for the rows")
        # A request that has no elements runs alone (`batches.rows`).
        others = [length if length and length > 0 else self._symbols.fresh(1) for length in shape[1:]]
        return Value((rows(), *others), 0)

    def _graph(self, graph: Graph, scope: _Scope) -> list[Value]:
        """Walk over a graph whose inputs are in the scope; return its outputs."""
        if scope.depth > MAX_DEPTH:
            raise Mixes(f"graphs and functions are nested deeper than {MAX_DEPTH}")
        for name, tensor in graph.constants.items():
            scope.values[name] = of_tensor(tensor)
        self._walk(graph.nodes, scope)
        return [_named(scope, name) for name in graph.outputs]

    def _walk(self, nodes: Sequence[Node], scope: _Scope) -> None:
        for node in nodes:
            self._nodes += 1
            if self._nodes > MAX_NODES:
                raise Mixes(f"it has more than {MAX_NODES} nodes")
            results = self._apply(node, scope)
            for place, name in enumerate(node.outputs):
                if name:
                    missing = Value(mixed=f"{broadcast.of_node(node)}: output {place + 1} is not followed")
                    scope.values[name] = results[place] if place < len(results) else missing

    def _apply(self, node: Node, scope: _Scope) -> Sequence[Value]:
        """Return a node's outputs; those of which the walk cannot tell have the reason in them."""
        inputs = [_named(scope, name) if name else None for name in node.inputs]
        domain = "" if node.domain == "ai.onnx" else node.domain
        attributes = _bound(node, scope)
        call = Call(node, scope.opsets.get(domain, 1), inputs, attributes, self._symbols)
        try:
            return self._results(call, domain, scope)
        except Mixes as why:
            reason = str(why) if why.inherited else f"{broadcast.label(call)}: {why}"
        except (ValueError, TypeError, LookupError, AssertionError, ArithmeticError, StopIteration) as error:
            # A node that its rule did not expect: the model may be wrong, or the rule.
            reason = f"{broadcast.label(call)}: it cannot be followed ({error!r})"
        given = [value for value in inputs if value is not None]
        known = domain in RULES and node.op not in NEVER_CONSTANT
        if known and all(value.constant for value in given):
            return [Value(unknown=reason)] * len(node.outputs)
        return [Value(mixed=reason)] * len(node.outputs)

    def _results(self, call: Call, domain: str, scope: _Scope) -> Sequence[Value]:
        node = call.node
        function = self._file.functions.get((node.domain, node.op, node.overload))
        if function and domain in RULES:
            raise Mixes("the model has a function of an operator's name")
        if function:
            return self._function(function, call, scope)
        if domain == "" and node.op == "If":
            return self._either(call, scope)
        rule = RULES.get(domain, {}).get(node.op)
        if rule is None:
            raise Mixes(REASONS.get(node.op, UNKNOWN) if domain in RULES else UNKNOWN)
        return rule(call)

    def _function(self, function: Function, call: Call, scope: _Scope) -> list[Value]:
        values = {
            name: value
            for name, value in zip(function.inputs, call.inputs, strict=False)
            if value is not None
        }
        attributes = {**function.defaults, **call.attributes}
        graph = Graph(nodes=function.nodes, outputs=function.outputs)
        return self._graph(graph, _Scope(values, function.opsets, attributes, scope.depth + 1))

    def _either(self, call: Call, scope: _Scope) -> list[Value]:
        """Return what both branches of an If have in common; its condition is the same for all rows."""
        call.fixed(0)
        condition = call.content(0)
        chosen = condition.flat[0] if condition is not None and condition.size == 1 else None
        known = isinstance(chosen, bool | int)
        if not known:
            call.data(0)
        names = ("then_branch", "else_branch")
        taken = (names[0 if chosen else 1],) if known else names
        branches = [self._branch(call, name, scope) for name in taken]
        if known:
            return branches[0]
        return [self._merged(call, a, b) for a, b in zip(*branches, strict=True)]

    def _branch(self, call: Call, name: str, scope: _Scope) -> list[Value]:
        graph = call.attributes[name].graph() if name in call.attributes else None
        if graph is None:
            raise Mixes(f"it has no {name}")
        return self._graph(graph, scope.within())

    def _merged(self, call: Call, a: Value, b: Value) -> Value:
        if a.mixed or b.mixed:
            return Value(mixed=a.mixed or b.mixed)
        if a.shape is None or b.shape is None or len(a.shape) != len(b.shape):
            reason = "the outputs of its branches have different numbers of dimensions"
        elif a.counts or b.counts or a.numbered or b.numbered:
            reason = "its branches have the number of rows in them"
        elif a.rows != b.rows or (a.rows is not None and a.block != b.block):
            reason = "its branches have the rows along different dimensions"
        else:
            pairs = zip(a.shape, b.shape, strict=True)
            return Value(tuple(x if x == y else self._symbols.fresh() for x, y in pairs), a.rows)
        return Value(mixed=f"{broadcast.label(call)}: {reason}")


def _named(scope: _Scope, name: str) -> Value:
    if name in scope.values:
        return scope.values[name]
    return Value(mixed=f"tensor {name!r} is used before it is made")


def _bound(node: Node, scope: _Scope) -> dict[str, Attribute]:
    """Return a node's attributes, in a function with those of its call in place of references."""
    if not scope.attributes:
        return {name: one for name, one in node.attributes.items() if not scope.depth or not one.refers()}
    bound = {}
    for name, attribute in node.attributes.items():
        wanted = attribute.refers()
        if not wanted:
            bound[name] = attribute
        elif wanted in scope.attributes:
            bound[name] = scope.attributes[wanted]
    return bound


def _where(value: Value) -> str:
    if value.rows is None:
        return ": it is the same for all rows"
    return f": the rows lie along dimension {value.rows}" if value.rows else ": it has several for each"
