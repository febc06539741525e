"""A graph without function calls: each call is replaced by the nodes of its function."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lightship.engines.base import CannotRun
from lightship.saved_model.graph_constants import CALLS

_MAX_CALLS = 64  # the deepest nesting of calls
_MAX_NODES = 1 << 18
# In a function, a tensor is named after its node and the node's output. These operations have several outputs; for any
# other operation that this engine or OpenVINO knows, the number within its only output is the number of the tensor.
_OUTPUTS = {
    "FusedBatchNormV3": ("y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2", "reserve_space_3"),
    "StringSplitV2": ("indices", "values", "shape"),
    "TopKV2": ("values", "indices"),
}


@dataclass(frozen=True, slots=True)
class Tensor:
    """An output of a node."""

    node: str
    index: int


@dataclass(frozen=True, slots=True)
class Node:
    """A node, with the tensors that it takes."""

    name: str
    # The `tensorflow.NodeDef`. Its own name and inputs are those within its function.
    definition: Any
    inputs: tuple[Tensor, ...]

    @property
    def op(self) -> str:
        op: str = self.definition.op
        return op


@dataclass(slots=True)
class Flat:
    """The nodes that are needed for some tensors, each behind those that it needs."""

    nodes: dict[str, Node]

    def with_ancestors(self, names: Iterable[str]) -> set[str]:
        """Returns these nodes and all nodes that compute their operands."""
        found, waiting = set[str](), list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += [tensor.node for tensor in self.nodes[name].inputs]
        return found


def flattened(graph: Any, tensors: Iterable[str]) -> tuple[Flat, list[Tensor]]:
    """Returns the graph that computes these tensors of a `tensorflow.GraphDef`, and where it has them.

    A tensor without a number, such as `NoOp`, is a node that only has to run. Raises CannotRun for a graph that cannot
    be flattened.
    """
    flattening = _Flattening(graph)
    main = _Scope("", {node.name: node for node in graph.node}, {}, is_function=False)
    wanted = list(tensors)
    flattening.add(main, wanted)
    return Flat(flattening.nodes), [main.tensor(name) for name in wanted]


class _Scope:
    """The nodes of a graph or of one call of a function."""

    def __init__(
        self, prefix: str, nodes: Mapping[str, Any], arguments: Mapping[str, Tensor], *, is_function: bool
    ) -> None:
        self.prefix, self.nodes, self.arguments, self._is_function = prefix, nodes, arguments, is_function
        self.results: dict[str, list[Tensor]] = {}  # of calls, by the name of the node
        self.done: set[str] = set()

    def node_of(self, tensor: str) -> str | None:
        """Returns the name of the node that computes a tensor, None for an argument."""
        name = tensor.removeprefix("^").partition(":")[0]
        if name in self.nodes:
            return name
        if name in self.arguments:
            return None
        raise CannotRun(f"the graph has no node {name}")

    def tensor(self, name: str) -> Tensor:
        node, _, rest = name.partition(":")
        if node in self.arguments:
            return self.arguments[node]
        index = self._index(self.nodes[node], rest)
        if node not in self.results:
            return Tensor(self.prefix + node, index)
        if index >= len(self.results[node]):
            raise CannotRun(f"the call {node} has no output {index}")
        return self.results[node][index]

    def _index(self, node: Any, rest: str) -> int:
        if not self._is_function or not rest:
            return int(rest or 0)
        output, _, number = rest.partition(":")
        if node.op == "ParseExampleV2":
            return _example_output(node, output, int(number or 0))
        known = _OUTPUTS.get(node.op)
        return known.index(output) if known else int(number or 0)


def _example_output(node: Any, output: str, number: int) -> int:
    sparse, dense = node.attr["num_sparse"].i, len(node.attr["Tdense"].list.type)
    first = {"sparse_indices": 0, "sparse_values": sparse, "sparse_shapes": 2 * sparse, "dense_values": 3 * sparse}
    return int(first.get(output, 3 * sparse + dense) + number)


class _Flattening:
    def __init__(self, graph: Any) -> None:
        self._functions = {function.signature.name: function for function in graph.library.function}
        self.nodes: dict[str, Node] = {}

    def add(self, scope: _Scope, tensors: Iterable[str], depth: int = 0) -> None:
        """Adds the nodes that these tensors of a scope need."""
        for name in _in_order(scope, tensors):
            node = scope.nodes[name]
            if node.op in CALLS or node.op in self._functions:
                self._add_call(scope, node, depth)
            else:
                given = tuple(scope.tensor(one) for one in node.input if not one.startswith("^"))
                self.nodes[scope.prefix + name] = Node(scope.prefix + name, node, given)
            if len(self.nodes) > _MAX_NODES:
                raise CannotRun(f"the graph has more than {_MAX_NODES:,} nodes")

    def _add_call(self, scope: _Scope, node: Any, depth: int) -> None:
        called = node.attr["f"].func.name if node.op in CALLS else node.op
        function = self._functions.get(called)
        if function is None or depth >= _MAX_CALLS:
            raise CannotRun(f"{node.op} calls {called or 'nothing'}, which is missing or nested too deeply")
        given = [scope.tensor(one) for one in node.input if not one.startswith("^")]
        parameters = [argument.name for argument in function.signature.input_arg]
        body = _Scope(
            f"{scope.prefix}{node.name}/",
            {one.name: one for one in function.node_def},
            dict(zip(parameters, given, strict=False)),
            is_function=True,
        )
        results = [function.ret[argument.name] for argument in function.signature.output_arg]
        # What has only to run is needed too: it may be a check.
        effects = [f"^{one.name}" for one in function.node_def]
        self.add(body, [*results, *effects], depth + 1)
        scope.results[node.name] = [body.tensor(one) for one in results]


def _in_order(scope: _Scope, tensors: Iterable[str]) -> Iterator[str]:
    """Yields the nodes that some tensors need and that were not yielded before, each behind those that it needs."""
    waiting = [(name, False) for one in tensors if (name := scope.node_of(one)) is not None]
    while waiting:
        name, ready = waiting.pop()
        if ready:
            yield name
        elif name not in scope.done:
            scope.done.add(name)
            waiting.append((name, True))
            needed = (scope.node_of(one) for one in scope.nodes[name].input)
            waiting += [(one, False) for one in needed if one is not None and one not in scope.done]
