"""What is known about each value in an OpenVINO model before the model runs: its bounds, and whether it is finite.

The CPU plug-in computes integer arithmetic in float32 and does not check indices. Most integers in a model are sizes
and positions, which are small. This analysis distinguishes them from integers that a client sends.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

# float32 represents every integer up to this one exactly.
EXACT_INTEGER = 1 << 24
# Constants and integer tensors with more elements than this get one bound for all elements.
MAX_EXACT_ELEMENTS = 64

_INTEGERS = {
    "boolean": (0, 1),
    "i8": (-(1 << 7), (1 << 7) - 1),
    "u8": (0, (1 << 8) - 1),
    "i16": (-(1 << 15), (1 << 15) - 1),
    "u16": (0, (1 << 16) - 1),
    "i32": (-(1 << 31), (1 << 31) - 1),
    "u32": (0, (1 << 32) - 1),
    "i64": (-(1 << 63), (1 << 63) - 1),
    "u64": (0, (1 << 64) - 1),
}

Bounds = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known about one output of one node."""

    # The bounds: either scalars that hold for all elements, or arrays of the output's shape.
    low: Bounds
    high: Bounds
    # Whether all values are finite, provided that the inputs are finite and not extremely large.
    finite: bool = True
    # Whether the values depend on the values that a client sends, and not only on their shapes.
    data: bool = True

    @property
    def least(self) -> float:
        return float(self.low.min()) if self.low.size else math.inf

    @property
    def most(self) -> float:
        return float(self.high.max()) if self.high.size else -math.inf

    @property
    def exact(self) -> bool:
        """Whether the value is known, because it depends only on constants and static shapes."""
        return not self.data and bool(np.array_equal(self.low, self.high))

    def within(self, low: float, high: float) -> bool:
        return self.least >= low and self.most <= high

    def whole(self) -> Fact:
        """Returns the same fact with one lower and one upper bound for the whole tensor."""
        if self.low.ndim == 0:
            return self
        return replace(self, low=np.asarray(self.least), high=np.asarray(self.most))


def bounded(low: float, high: float, *, finite: bool = True, data: bool = True) -> Fact:
    return Fact(np.asarray(low, np.float64), np.asarray(high, np.float64), finite, data)


def type_name(port: Any) -> str:
    """Returns OpenVINO's name for the element type of a port, such as "i32"."""
    name: str = port.get_element_type().get_type_name()
    return name


def is_integer(port: Any) -> bool:
    """Returns whether a port holds integers or booleans."""
    return type_name(port) in _INTEGERS


def bounds_of_type(port: Any) -> Fact:
    """Returns the bounds of the element type. i64 gets the bounds of i32, because the plug-in computes it as i32."""
    name = type_name(port)
    if name in ("i64", "u64", "u32"):
        name = "i32" if name == "i64" else name
    low, high = _INTEGERS.get(name, (-math.inf, math.inf))
    return bounded(low, high)


def static_shape(port: Any) -> tuple[int, ...] | None:
    partial = port.get_partial_shape()
    return tuple(partial.to_shape()) if partial.is_static else None


def joined(facts: Sequence[Fact]) -> Fact:
    """Returns a fact that holds for the values of each of these facts."""
    return bounded(
        min(fact.least for fact in facts),
        max(fact.most for fact in facts),
        finite=all(fact.finite for fact in facts),
        data=any(fact.data for fact in facts),
    )


class Facts:
    """The facts of a model's outputs, by node and port, and the facts inside its loops.

    `parameters` holds the facts of parameters by the names of their nodes. `largest` is the largest magnitude of an
    integer that a client sends, or of a float that is cast to an integer; a guard enforces it.
    """

    def __init__(
        self, parameters: Mapping[str, Fact], largest: float = math.inf, looks_at_weights: bool = True
    ) -> None:
        self._parameters, self.largest, self.looks_at_weights = parameters, largest, looks_at_weights
        # Whether the model computes with sizes that are unknown before a request.
        self.computes_sizes = False
        self._facts: dict[tuple[str, int], Fact] = {}
        self._bodies: dict[str, Facts] = {}

    def of(self, output: Any) -> Fact:
        """Returns the fact of a node's output, such as `node.input(0).get_source_output()`."""
        return self._facts[output.get_node().get_name(), output.get_index()]

    def of_input(self, node: Any, index: int) -> Fact:
        return self.of(node.input(index).get_source_output())

    def parameter(self, node: Any) -> Fact:
        return self._parameters.get(node.get_name()) or self.cast_bounds(node.output(0))

    def cast_bounds(self, port: Any) -> Fact:
        """Returns the bounds of an integer port whose values come from a client or from a cast.

        For any other type, returns the bounds of the type.
        """
        kind = bounds_of_type(port)
        if not is_integer(port):
            return kind
        return bounded(max(kind.least, -self.largest), min(kind.most, self.largest))

    def body(self, node: Any) -> Facts:
        """Returns the facts inside a loop."""
        return self._bodies[node.get_name()]

    def note_body(self, node: Any, facts: Facts) -> None:
        self._bodies[node.get_name()] = facts

    def note(self, node: Any, index: int, fact: Fact) -> None:
        self._facts[node.get_name(), index] = fact


SingleRule = Callable[[Any, Facts], Fact]
Rule = Callable[[Any, Facts], Fact | Sequence[Fact]]


def interpret(model: Any, facts: Facts, rules: Mapping[str, Rule], default: Rule) -> None:
    """Applies the rule of each node, operands before results, and records what is known about the node's outputs.

    `model` may also be a loop's body. `default` is the rule for operations that have none in `rules`.
    """
    with np.errstate(all="ignore"):
        for node in model.get_ordered_ops():
            found = rules.get(node.get_type_name(), default)(node, facts)
            for index, fact in enumerate([found] if isinstance(found, Fact) else found):
                facts.note(node, index, fact)


def inputs_of(node: Any, facts: Facts) -> list[Fact]:
    return [facts.of_input(node, index) for index in range(node.get_input_size())]


def source_of(node: Any, index: int) -> Any:
    """Returns the node that produces an input."""
    return node.input(index).get_source_output().get_node()
