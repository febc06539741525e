"""Finds where the last bits of a float, in which OpenVINO and TensorFlow may differ, change a result visibly."""

from __future__ import annotations

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


def magnified(node: Any) -> str | None:
    """Returns an error if the node magnifies an inexact result near 0.

    For example, OpenVINO's softplus of -20 is -2e-6 instead of 2e-9, and the logarithm makes this difference visible.
    """
    waiting = [source_of(node, operand) for operand in MAGNIFIED.get(node.get_type_name(), ())]
    seen = set[str]()
    while waiting:
        source = waiting.pop()
        kind = source.get_type_name()
        if kind in INEXACT_NEAR_ZERO:
            return f"{node.get_type_name()} of what {kind} gives near 0 is not exact ({node.get_friendly_name()})"
        if (kind in ELEMENTWISE or kind in MOVES) and source.get_name() not in seen:
            seen.add(source.get_name())
            waiting += [source_of(source, index) for index in range(source.get_input_size())]
    return None


def steep(node: Any) -> str | None:
    """Returns an error if the node greatly magnifies small errors of its operand, and the operand may have some.

    OpenVINO may compute the operand slightly differently from TensorFlow. For example, erf(3.6) differs from 1 only in
    its last bits, but atanh of it depends on exactly these bits.
    """
    source = _inexact_source(node) if node.get_type_name() in STEEP else None
    return (
        None
        if source is None
        else f"{node.get_type_name()} of what {source} gives is not exact ({node.get_friendly_name()})"
    )


def large_guard(node: Any, operand: int, facts: Facts) -> Wanted | None:
    """Returns a guard against large operands, for which the last bits change the result.

    For example, the last bit of 22,026 is 0.002 radians, so the sine of a result of exp may differ by as much. A large
    power of a number close to 1 may differ likewise.
    """
    fact = facts.of_input(node, operand)
    small = fact.least >= -LARGEST_FACTOR and fact.most <= LARGEST_FACTOR
    return None if small or _inexact_source(node) is None else Wanted("large", node, operand, high=LARGEST_FACTOR)


def tie_guard(node: Any, facts: Facts) -> Wanted | None:
    """Returns a guard against numbers so close to an integer that the last bits decide the result.

    For example, sigmoid * 255 may be 255 or slightly less.
    """
    if type_name(node.output(0)) == "boolean" or (node.get_type_name() in CASTS and not is_integer(node.output(0))):
        return None
    decided = not facts.of_input(node, 0).data or _inexact_source(node) is None
    return None if decided else Wanted("tie", node, 0)


def _inexact_source(node: Any) -> str | None:
    """Returns an operation before the node whose result may differ from TensorFlow's in the last bits, or None."""
    waiting, seen = [source_of(node, 0)], set[str]()
    while waiting:
        source = waiting.pop()
        if source.get_type_name() not in EXACT:
            return str(source.get_type_name())
        if source.get_name() not in seen:
            seen.add(source.get_name())
            shapes = SHAPE_OPERANDS.get(source.get_type_name(), ())
            waiting += [source_of(source, index) for index in range(source.get_input_size()) if index not in shapes]
    return None
