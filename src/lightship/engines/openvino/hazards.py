"""Finds out where an OpenVINO model could differ from TensorFlow, and which guards prevent the difference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lightship.engines.openvino.facts import (
    EXACT_INTEGER,
    Fact,
    Facts,
    bounded,
    bounds_of_type,
    inputs_of,
    is_integer,
    source_of,
    type_name,
)
from lightship.engines.openvino.inexact import large_guard, magnified, steep, tie_guard
from lightship.engines.openvino.known import (
    ACCUMULATE,
    CASTS,
    DIVISIONS,
    INDEXING,
    KNOWN,
    PERIODIC,
    PROPAGATE_NONFINITE,
    RIGHT_FOR_ALL_INTEGERS,
    SHAPE_OPERANDS,
    STEPS,
)
from lightship.engines.openvino.loops import counters, is_loop
from lightship.engines.openvino.static_checks import static_hazard, unknown_position
from lightship.engines.openvino.wanted import Wanted


@dataclass(slots=True)
class Hazards:
    """The result of the analysis of a model."""

    # Why the model must not run on OpenVINO. Empty if it may.
    reasons: list[str] = field(default_factory=list)
    # The guards that the model needs.
    wanted: list[Wanted] = field(default_factory=list)
    # Whether the inputs must be checked for NaN, infinity and very large numbers, because an operation changes NaN or
    # infinity, or overflows where TensorFlow's does not.
    screens: bool = False
    # The number of products and quotients of values that a client sends.
    products: int = 0


def hazards_of(model: Any, facts: Facts, allowed: frozenset[str] = frozenset()) -> Hazards:
    """Analyses a whole model. `allowed` holds OpenVINO operations that may run although they are not analysed."""
    found = Hazards()
    _look(model, facts, found, allowed, frozenset(), inside=False)
    # TensorFlow multiplies in another order, and an intermediate result may overflow: (x * y) * 2 becomes x * 2 * y.
    found.screens |= found.products > 1
    return found


def static_hazards(model: Any, facts: Facts, *, empty: bool = False) -> list[str]:
    """Returns the errors that follow from the shapes only, such as a slice beyond the end. All shapes must be known.

    `empty` allows tensors without elements.
    """
    found = [reason for node in model.get_ordered_ops() if (reason := unknown_position(node, facts)) is not None]
    return found + [
        reason
        for node, inner in _nodes(model, facts)
        if (reason := static_hazard(node, inner, empty=empty)) is not None
    ]


def _nodes(model: Any, facts: Facts) -> Iterator[tuple[Any, Facts]]:
    """Yields all nodes with their facts, including the nodes inside loops."""
    for node in model.get_ordered_ops():
        yield node, facts
        if is_loop(node):
            yield from _nodes(node.get_function(), facts.body(node))


def _look(
    model: Any, facts: Facts, found: Hazards, allowed: frozenset[str], counting: frozenset[str], *, inside: bool
) -> None:
    for node in model.get_ordered_ops():
        kind = node.get_type_name()
        if is_loop(node):
            _look(node.get_function(), facts.body(node), found, allowed, counters(node), inside=True)
            continue
        if kind not in KNOWN and kind not in allowed:
            found.reasons.append(f"OpenVINO's {kind} is not analysed ({_name(node)})")
            continue
        reason = _values_decide_shapes(node, facts) or _large_integers(node, facts) or static_hazard(node, facts)
        reason = reason or magnified(node) or steep(node)
        if reason is not None:
            found.reasons.append(reason)
        wanted = [one for one in _guards(node, facts, counting) if one is not None]
        if wanted and inside:
            found.reasons.append(f"{_name(node)} would need a guard inside a loop ({wanted[0].kind})")
        found.wanted += wanted
        found.screens |= kind in ACCUMULATE or _swallows(node, facts)
        found.products += kind in ("Divide", "Multiply") and any(fact.data for fact in inputs_of(node, facts))


def _guards(node: Any, facts: Facts, counting: frozenset[str]) -> Iterator[Wanted | None]:
    kind = node.get_type_name()
    if kind in INDEXING:
        yield _index_guard(node, facts, counting)
    if kind in DIVISIONS:
        yield _divisor_guard(node, facts)
    if kind in ("Divide", "Power") and not is_integer(node.output(0)):
        yield _zero_guard(node, facts)
    if kind in CASTS and type_name(node.output(0)) != "boolean":
        yield _cast_guard(node, facts)
    elif _swallows(node, facts):
        for index, fact in enumerate(inputs_of(node, facts)):
            if not fact.finite and not is_integer(node.input(index)):
                yield Wanted("finite", node, index)
    if kind in PERIODIC:
        yield large_guard(node, 0, facts)
    if kind in STEPS and not is_integer(node.input(0)):
        yield tie_guard(node, facts)
    if kind == "Power" and not is_integer(node.output(0)):
        yield large_guard(node, 1, facts)


def _swallows(node: Any, facts: Facts) -> bool:
    """Returns whether the node could turn a client's NaN or infinity into another value."""
    to_bool = node.get_output_size() == 1 and type_name(node.output(0)) == "boolean"
    if node.get_type_name() in PROPAGATE_NONFINITE and not to_bool:
        return False
    return any(fact.data and not is_integer(node.input(index)) for index, fact in enumerate(inputs_of(node, facts)))


def _index_guard(node: Any, facts: Facts, counting: frozenset[str]) -> Wanted | None:
    indices = facts.of_input(node, 1)
    if node.get_type_name() == "GatherND":
        return None if not indices.data else Wanted("positions", node, 1)
    size = _indexed_size(node, facts)
    if size is not None and indices.within(0, size - 1):
        return None
    if not indices.data:
        # These are a loop's iteration numbers, which the loop's own condition bounds, or sizes.
        return None if source_of(node, 1).get_name() in counting or indices.exact else Wanted("indices", node, 1)
    return Wanted("indices", node, 1)


def _indexed_size(node: Any, facts: Facts) -> int | None:
    axis = facts.of_input(node, 2)
    partial = node.get_input_partial_shape(0)
    if not axis.exact or partial.rank.is_dynamic:
        return None
    dimension = partial[int(axis.low.reshape(()))]
    return dimension.get_length() if dimension.is_static else None


def _cast_guard(node: Any, facts: Facts) -> Wanted | None:
    fact, kind = facts.of_input(node, 0), facts.cast_bounds(node.output(0))
    if not is_integer(node.output(0)) or is_integer(node.input(0)):
        return None
    # A float just outside the bounds is truncated to the bound itself.
    if fact.finite and fact.least > kind.least - 1 and fact.most < kind.most + 1:
        return None
    return Wanted("cast", node, 0, kind.least, kind.most)


def _large_integers(node: Any, facts: Facts) -> str | None:
    """Returns an error if integer arithmetic may be inexact. It is exact if float32 represents every number exactly."""
    kind = node.get_type_name()
    if kind in RIGHT_FOR_ALL_INTEGERS:
        return None
    if kind not in CASTS:
        for port, fact in _ports(node, facts):
            facts.computes_sizes |= is_integer(port) and not fact.data and not fact.exact
            if is_integer(port) and not fact.within(-EXACT_INTEGER, EXACT_INTEGER):
                return f"{kind} of integers beyond 16,777,216 is not exact ({_name(node)})"
        return None
    if is_integer(node.input(0)) and is_integer(node.output(0)):
        return _narrowing(node, facts)
    return None


def _ports(node: Any, facts: Facts) -> Iterator[tuple[Any, Fact]]:
    """Yields the inputs and outputs of a node with their facts."""
    for port in node.inputs():
        yield port, facts.of(port.get_source_output())
    for port in node.outputs():
        if port.get_target_inputs():  # an output without a reader may have any value, such as MaxPool's positions
            yield port, facts.of(port)


def _narrowing(node: Any, facts: Facts) -> str | None:
    fact, kind = facts.of_input(node, 0), bounds_of_type(node.output(0))
    if type_name(node.output(0)) == "boolean":
        kind = bounded(-EXACT_INTEGER, EXACT_INTEGER)
    if fact.within(kind.least, kind.most):
        return None
    return f"a cast to {type_name(node.output(0))} of values that it may not hold is not exact ({_name(node)})"


def _divisor_guard(node: Any, facts: Facts) -> Wanted | None:
    divisor = facts.of_input(node, 1)
    apart = divisor.least > 0 or divisor.most < 0
    return None if apart or not is_integer(node.output(0)) else Wanted("divisor", node, 1)


def _zero_guard(node: Any, facts: Facts) -> Wanted | None:
    """Returns a guard against zeros whose sign matters.

    OpenVINO loses the sign of 0. The sign determines whether a quotient is plus or minus infinity, and likewise for a
    power with a negative exponent.
    """
    operand = 1 if node.get_type_name() == "Divide" else 0
    fact, exponent = facts.of_input(node, operand), facts.of_input(node, 1)
    apart = fact.least > 0 or fact.most < 0 or not fact.data
    if apart or (operand == 0 and exponent.least >= 0) or _is_masked(node, operand):
        return None
    return Wanted("zero", node, operand)


def _is_masked(node: Any, operand: int) -> bool:
    """Returns whether the quotient is used only if a comparison of the divisor allows it, as in divide_no_nan."""
    divisor, users = node.input(operand).get_source_output(), node.output(0).get_target_inputs()
    selects = [user.get_node() for user in users]
    return all(
        select.get_type_name() == "Select"
        and any(given.get_source_output() == divisor for given in source_of(select, 0).inputs())
        for select in selects
    )


def _values_decide_shapes(node: Any, facts: Facts) -> str | None:
    for index in SHAPE_OPERANDS.get(node.get_type_name(), ()):
        if index < node.get_input_size() and facts.of_input(node, index).data:
            return f"a shape or position depends on values that are sent ({_name(node)})"
    return None


def _name(node: Any) -> str:
    name: str = node.get_friendly_name()
    return name
