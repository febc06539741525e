"""Runs the nodes that run here, one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lightship.engines.host.flat import Flat, Node, Tensor
from lightship.engines.host.kernels import KERNELS, Run
from lightship.engines.host.split import attributes_of
from lightship.engines.host.tables import Table
from lightship.errors import LightshipError
from lightship.tensors.tensor_proto import array_of


class Steps:
    """The nodes of one part, prepared. What needs constants only is computed once. Any thread may call `run`."""

    def __init__(
        self, flat: Flat, nodes: Sequence[Node], wanted: Iterable[Tensor], tables: Mapping[str, Table]
    ) -> None:
        """`wanted` are the tensors that `run` returns. Raises CannotRun for nodes that cannot run here."""
        wanted = tuple(wanted)
        known = _constants(flat, nodes, wanted, tables)
        # Tensors have places in a list, which costs a tenth of looking them up in a dict.
        self._places: dict[Tensor, int] = {}
        self._steps: list[tuple[Run, tuple[int, ...], tuple[tuple[int, int], ...]]] = []
        used = {*wanted, *(one for node in nodes for one in node.inputs)}
        outputs: dict[str, list[Tensor]] = {}
        for tensor in used:
            outputs.setdefault(tensor.node, []).append(tensor)
        for node in nodes:
            run, made = KERNELS[node.op](attributes_of(node)), outputs.get(node.name, [])
            results = _computed_once(run, node, known)
            if results is not None:
                known.update({one: results[one.index] for one in made})
                continue
            taken = tuple(self._place(one) for one in node.inputs)
            self._steps.append((run, taken, tuple((one.index, self._place(one)) for one in made)))
        self._wanted = tuple((tensor, self._place(tensor)) for tensor in wanted)
        self._known: list[Any] = [None] * len(self._places)
        for tensor, place in self._places.items():
            self._known[place] = known.get(tensor)

    def run(self, given: Mapping[Tensor, Any]) -> dict[Tensor, Any]:
        """Returns the tensors that are wanted. `given` are those that other parts or the caller gave.

        Raises InvalidArgument for values that TensorFlow refuses, and CannotRun for values that only it can treat.
        """
        values, places = self._known.copy(), self._places
        for tensor, value in given.items():
            place = places.get(tensor)
            if place is not None:
                values[place] = value
        for run, taken, made in self._steps:
            results = run(*[values[place] for place in taken])
            for index, place in made:
                values[place] = results[index]
        return {tensor: values[place] for tensor, place in self._wanted}

    def _place(self, tensor: Tensor) -> int:
        return self._places.setdefault(tensor, len(self._places))


def _computed_once(run: Run, node: Node, known: Mapping[Tensor, Any]) -> tuple[Any, ...] | None:
    """Returns what a node gives if all its operands are constants."""
    if not all(one in known for one in node.inputs):
        return None
    try:
        return run(*[known[one] for one in node.inputs])
    except LightshipError:
        return None  # each call is refused for it


def _constants(
    flat: Flat, nodes: Sequence[Node], wanted: Sequence[Tensor], tables: Mapping[str, Table]
) -> dict[Tensor, Any]:
    found: dict[Tensor, Any] = {}
    for tensor in [*(one for node in nodes for one in node.inputs), *wanted]:
        source = flat.nodes.get(tensor.node)
        if source is not None and source.op == "Const":
            found[tensor] = array_of(source.definition.attr["value"].tensor)
        elif tensor.node in tables:
            found[tensor] = tables[tensor.node]
    return found
