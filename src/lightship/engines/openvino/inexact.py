"""Finds where the last bits of a float, in which OpenVINO and TensorFlow may differ, change a result visibly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lightship.engines.openvino.facts import Facts, is_integer, source_of, type_name
from lightship.engines.openvino.known import (
    CASTS,
    ELEMENTWISE,
    EXACT,
    INEXACT_NEAR_ZERO,
    LARGEST_FACTOR,
    MAGNIFIED,
    SHAPE_OPERANDS,
    STEEP,
)
from lightship.engines.openvino.moves import MOVES
from lightship.engines.openvino.wanted import Wanted

# An inexact result near 0 stays near 0, or can come near it, behind these.
_NEAR_ZERO = ELEMENTWISE | MOVES.keys()


def magnified(node: Any) -> str | None:
    """Returns an error if the node magnifies an inexact result near 0.

    For example, OpenVINO's softplus of -20 is -2e-6 instead of 2e-9, and the logarithm makes this difference visible.
    """
    kinds = _kinds_before(node, MAGNIFIED.get(node.get_type_name(), ()), _NEAR_ZERO - INEXACT_NEAR_ZERO)
    kind = next((kind for kind in kinds if kind in INEXACT_NEAR_ZERO), None)
    if kind is None:
        return None
    return f"{node.get_type_name()} of what {kind} gives near 0 is not exact ({node.get_friendly_name()})"


def steep(node: Any) -> str | None:
    """Returns an error if the node greatly magnifies small errors of its operand, and the operand may have some.

    OpenVINO may compute the operand slightly differently from TensorFlow. For example, erf(3.6) differs from 1 only in
    its last bits, but atanh of it depends on exactly these bits.
    """
    kind = _inexact_kind(node) if node.get_type_name() in STEEP else None
    if kind is None:
        return None
    return f"{node.get_type_name()} of what {kind} gives is not exact ({node.get_friendly_name()})"


def large_guard(node: Any, operand: int, facts: Facts) -> Wanted | None:
    """Returns a guard against large operands, for which the last bits change the result.

    For example, the last bit of 22,026 is 0.002 radians, so the sine of a result of exp may differ by as much. A large
    power of a number close to 1 may differ likewise.
    """
    fact = facts.of_input(node, operand)
    small = fact.least >= -LARGEST_FACTOR and fact.most <= LARGEST_FACTOR
    return None if small or _inexact_kind(node) is None else Wanted("large", node, operand, high=LARGEST_FACTOR)


def tie_guard(node: Any, facts: Facts) -> Wanted | None:
    """Returns a guard against numbers so close to an integer that the last bits decide the result.

    For example, sigmoid * 255 may be 255 or slightly less.
    """
    if type_name(node.output(0)) == "boolean" or (node.get_type_name() in CASTS and not is_integer(node.output(0))):
        return None
    decided = not facts.of_input(node, 0).data or _inexact_kind(node) is None
    return None if decided else Wanted("tie", node, 0)


def _inexact_kind(node: Any) -> str | None:
    """Returns an operation before the node whose result may differ from TensorFlow's in the last bits, or None."""
    return next((kind for kind in _kinds_before(node, (0,), EXACT) if kind not in EXACT), None)


def _kinds_before(node: Any, operands: Iterable[int], through: frozenset[str]) -> Iterator[str]:
    """Yields the operations that compute these operands of a node, and those before each operation in `through`.

    Operations that only compute shapes and positions are left out.
    """
    waiting, seen = [source_of(node, operand) for operand in operands], set[str]()
    while waiting:
        source = waiting.pop()
        kind = source.get_type_name()
        yield kind
        if kind in through and source.get_name() not in seen:
            seen.add(source.get_name())
            shapes = SHAPE_OPERANDS.get(kind, ())
            waiting += [source_of(source, index) for index in range(source.get_input_size()) if index not in shapes]
