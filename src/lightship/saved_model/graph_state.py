"""Finds the signatures that change variables when they run, and those that read variables which others change."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_CHANGING = re.compile(
    r"Assign(Add|Sub)?(VariableOp)?|StridedSliceAssign|CountUpTo|DestroyResourceOp"
    r"|Scatter(Nd)?(Update|Add|Sub|Mul|Div|Min|Max)|(Sparse)?Apply[A-Z]\w*"
    r"|Resource(Scatter\w+|StridedSliceAssign|(Sparse)?Apply\w+|CountUpTo|Conditional\w+)"
    r"|Rng(ReadAnd)?Skip(V2)?|Stateful(Uniform|StandardNormal|TruncatedNormal|RandomBinomial)\w*"
)
_VARIABLES = frozenset({"VarHandleOp", "VariableV2", "Variable"})


@dataclass(frozen=True, slots=True)
class Changes:
    """The names of signatures that change variables or depend on such changes."""

    # The signatures that change variables.
    writers: frozenset[str] = frozenset()
    # The signatures that change no variable, but read one that a writer may change.
    readers: frozenset[str] = frozenset()


def changes_in(graph: Any, signatures: Mapping[str, Iterable[str]], operations: Iterable[str]) -> Changes:
    """Finds how signatures change the variables of a `tensorflow.GraphDef`.

    signatures: the names of each signature's output tensors. operations: all operations of the graph.
    Operations that no signature runs, such as those that restore variables or train the model, are ignored. Every
    variable that a writer uses counts as changed.
    """
    changing = frozenset(filter(_CHANGING.fullmatch, operations))
    if not changing:
        return Changes()
    walk = _Walk(graph, changing)
    used = {name: walk.uses(outputs) for name, outputs in signatures.items()}
    changed = {variable for use in used.values() if use.changes for variable in use.variables}
    return Changes(
        writers=frozenset(name for name, use in used.items() if use.changes),
        readers=frozenset(name for name, use in used.items() if not use.changes and use.variables & changed),
    )


def reached(nodes: Mapping[str, Any], tensors: Iterable[str]) -> Iterator[Any]:
    """Yields the nodes that are needed to compute these tensors, including control dependencies.

    nodes: the nodes of the graph by their names.
    """
    waiting, seen = list(tensors), set[str]()
    while waiting:
        name = waiting.pop().removeprefix("^").partition(":")[0]
        node = nodes.get(name)
        if node is not None and name not in seen:
            seen.add(name)
            waiting += node.input
            yield node


@dataclass(slots=True)
class _Use:
    variables: set[str]
    changes: bool


class _Walk:
    def __init__(self, graph: Any, changing: frozenset[str]) -> None:
        self._nodes = {node.name: node for node in graph.node}
        self._functions = {function.signature.name: function for function in graph.library.function}
        self._changing = changing
        self._known: dict[str, tuple[bool, frozenset[str]]] = {}
        self._callers: dict[str, tuple[str, ...]] = {}

    def uses(self, outputs: Iterable[str]) -> _Use:
        """Returns the variables that are read to compute these output tensors.

        Also returns whether the computation changes any variable.
        """
        variables, called, changes = set[str](), set[str](), False
        for node in reached(self._nodes, outputs):
            if node.op in _VARIABLES:
                variables.add(node.name)
            changes = changes or node.op in self._changing
            called.update(self._called(node, node.op))
        return _Use(variables, changes or any(map(self._changes, called)))

    def _changes(self, function: str) -> bool:
        """Returns whether a function, or one that it calls directly or indirectly, changes a variable."""
        waiting, seen = [function], set[str]()
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            direct, called = self._read(name)
            if direct:
                return True
            waiting += called
        return False

    def _read(self, function: str) -> tuple[bool, frozenset[str]]:
        """Returns whether a function itself changes a variable, and the functions that it calls."""
        if function not in self._known:
            called, direct = set[str](), False
            for node in self._functions[function].node_def:
                operation = node.op
                direct = direct or operation in self._changing
                called.update(self._called(node, operation))
            self._known[function] = direct, frozenset(called)
        return self._known[function]

    def _called(self, node: Any, operation: str) -> Iterable[str]:
        """Returns the functions that a node calls: by the name of its operation, or by its attributes."""
        if operation in self._functions:
            return (operation,)
        attributes = self._callers.get(operation)
        if attributes is None:
            attributes = self._callers[operation] = _function_attributes(node)
        if not attributes:
            return ()
        return [
            name for attribute in attributes for name in function_names(node.attr[attribute]) if name in self._functions
        ]


def _function_attributes(node: Any) -> tuple[str, ...]:
    """Returns the attributes that name functions. They are the same for all nodes of an operation."""
    return tuple(name for name, value in node.attr.items() if value.HasField("func") or value.list.func)


def function_names(value: Any) -> list[str]:
    """Returns the functions that an attribute names."""
    return [value.func.name] if value.HasField("func") else [function.name for function in value.list.func]
