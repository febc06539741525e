"""Rules that compute the bounds of an arithmetic operation's results from the bounds of its operands."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lightship.engines.openvino.facts import (
    EXACT_INTEGER,
    MAX_EXACT_ELEMENTS,
    Bounds,
    Fact,
    Facts,
    Rule,
    SingleRule,
    bounded,
    bounds_of_type,
    inputs_of,
    is_integer,
    joined,
    static_shape,
)

# exp of a larger number overflows float32.
_MAX_EXPONENT = 88.0

Arithmetic = Callable[[Fact, Fact], tuple[Bounds, Bounds]]


def ranged(low: float, high: float) -> Rule:
    """Returns the rule of an operation whose results lie between two numbers for all operands."""

    def rule(node: Any, facts: Facts) -> Sequence[Fact]:
        operands = inputs_of(node, facts)
        finite, data = all(fact.finite for fact in operands), any(fact.data for fact in operands)
        return [bounded(low, high, finite=finite, data=data) for _ in node.outputs()]

    return rule


def monotone(function: Callable[[Bounds], Bounds]) -> Rule:
    def rule(node: Any, facts: Facts) -> Fact:
        fact = facts.of_input(node, 0)
        return Fact(function(fact.low), function(fact.high), fact.finite, fact.data)

    return rule


def corners(function: Callable[[Bounds, Bounds], Bounds]) -> Arithmetic:
    """Returns a rule that computes the bounds of a function's result from the bounds of its operands.

    The function must be monotone in each operand, so that its extremes lie at combinations of the operands' bounds.
    """

    def rule(a: Fact, b: Fact) -> tuple[Bounds, Bounds]:
        corners = [function(x, y) for x in (a.low, a.high) for y in (b.low, b.high)]
        stacked = np.stack(np.broadcast_arrays(*corners))
        low, high = stacked.min(0), stacked.max(0)
        return np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)

    return rule


def _operand_facts(node: Any, a: Fact, b: Fact) -> tuple[Fact, Fact]:
    """Returns the facts of both operands.

    If the output is large or its shape is unknown, each fact is reduced to one lower and one upper bound for the whole
    tensor.
    """
    shape = static_shape(node.output(0))
    if shape is None or math.prod(shape) > MAX_EXACT_ELEMENTS:
        return a.whole(), b.whole()
    return a, b


def binary(arithmetic: Arithmetic) -> SingleRule:
    def rule(node: Any, facts: Facts) -> Fact:
        a, b = _operand_facts(node, facts.of_input(node, 0), facts.of_input(node, 1))
        low, high = arithmetic(a, b)
        return Fact(low, high, a.finite and b.finite, a.data or b.data)

    return rule


def multiply(node: Any, facts: Facts) -> Fact:
    fact = binary(corners(np.multiply))(node, facts)
    operands = inputs_of(node, facts)
    if not fact.data and not any(one.exact for one in operands) and fact.least >= 0:
        # These are sizes of tensors. Their product is at most the number of elements of a tensor, which a guard limits.
        facts.computes_sizes = True
        return Fact(fact.low, np.minimum(fact.high, EXACT_INTEGER), fact.finite, fact.data)
    if node.input(0).get_source_output() == node.input(1).get_source_output():
        return Fact(np.maximum(fact.low, 0.0), fact.high, fact.finite, fact.data)
    return fact


def squared_difference(node: Any, facts: Facts) -> Fact:
    fact = binary(corners(np.subtract))(node, facts)
    most = np.maximum(np.abs(fact.low), np.abs(fact.high))
    return Fact(np.zeros_like(most), most * most, fact.finite, fact.data)


def divide(node: Any, facts: Facts) -> Fact:
    a, b = _operand_facts(node, facts.of_input(node, 0), facts.of_input(node, 1))
    apart = b.least > 0 or b.most < 0
    if is_integer(node.output(0)) and not apart:  # a guard makes sure that no integer is divided by 0
        most = max(abs(a.least), abs(a.most))
        return bounded(-most, most, data=a.data or b.data)
    if not apart:
        return bounded(-math.inf, math.inf, finite=False, data=a.data or b.data)
    low, high = corners(np.divide)(a, b)
    if is_integer(node.output(0)):
        low, high = np.floor(low), np.ceil(high)
    return Fact(low, high, a.finite and b.finite, a.data or b.data)


def remainder(node: Any, facts: Facts) -> Fact:
    a, b = facts.of_input(node, 0), facts.of_input(node, 1)
    size = max(abs(b.least), abs(b.most))
    low = 0.0 if b.least >= 0 and (a.least >= 0 or node.get_type_name() == "FloorMod") else -size
    finite = a.finite and b.finite and (b.least > 0 or b.most < 0)
    return bounded(low, size, finite=finite, data=a.data or b.data)


def power(node: Any, facts: Facts) -> Fact:
    base, exponent = facts.of_input(node, 0), facts.of_input(node, 1)
    data = base.data or exponent.data
    if not exponent.exact or exponent.low.size != 1:
        return bounded(-math.inf, math.inf, finite=False, data=data)
    power = float(exponent.low.reshape(()))
    if power.is_integer() and power >= 0:
        low = 0.0 if power % 2 == 0 else (-math.inf if base.least < 0 else base.least**power)
        return bounded(low, math.inf, finite=base.finite, data=data)
    defined = base.least >= 0 if power > 0 else base.least > 0
    return bounded(0.0 if base.least >= 0 else -math.inf, math.inf, finite=base.finite and defined, data=data)


def defined_from(function: Callable[[Bounds], Bounds], least: float, *, open_: bool = False) -> Rule:
    """Returns the rule of a monotone function that is defined only from a least number upward, such as sqrt or log."""

    def rule(node: Any, facts: Facts) -> Fact:
        fact = facts.of_input(node, 0)
        if fact.least < least or (open_ and fact.least == least):
            return bounded(-math.inf, math.inf, finite=False, data=fact.data)
        return Fact(function(fact.low), function(fact.high), fact.finite, fact.data)

    return rule


def exp(node: Any, facts: Facts) -> Fact:
    fact = facts.of_input(node, 0).whole()
    finite = fact.finite and fact.most <= _MAX_EXPONENT
    return Fact(np.exp(fact.low), np.exp(fact.high), finite, fact.data)


def undefined_somewhere(node: Any, facts: Facts) -> Fact:
    return bounded(-math.inf, math.inf, finite=False, data=facts.of_input(node, 0).data)


def absolute(node: Any, facts: Facts) -> Fact:
    fact = facts.of_input(node, 0)
    inside = (fact.low <= 0) & (fact.high >= 0)
    low = np.where(inside, 0.0, np.minimum(np.abs(fact.low), np.abs(fact.high)))
    return Fact(low, np.maximum(np.abs(fact.low), np.abs(fact.high)), fact.finite, fact.data)


def negative(node: Any, facts: Facts) -> Fact:
    fact = facts.of_input(node, 0)
    return Fact(-fact.high, -fact.low, fact.finite, fact.data)


def clamp(node: Any, facts: Facts) -> Fact:
    fact, wanted = facts.of_input(node, 0), node.get_attributes()
    low, high = float(wanted["min"]), float(wanted["max"])
    return Fact(np.clip(fact.low, low, high), np.clip(fact.high, low, high), fact.finite, fact.data)


def select(node: Any, facts: Facts) -> Fact:
    condition, then, otherwise = inputs_of(node, facts)
    small = all(fact.low.size <= MAX_EXACT_ELEMENTS for fact in (condition, then, otherwise))
    if condition.exact and small and static_shape(node.output(0)) is not None:
        low, high = (np.where(condition.low, a, b) for a, b in ((then.low, otherwise.low), (then.high, otherwise.high)))
        return Fact(low, high, then.finite and otherwise.finite, then.data or otherwise.data)
    chosen = joined([then, otherwise])
    return Fact(chosen.low, chosen.high, chosen.finite, chosen.data or condition.data)


def convert(node: Any, facts: Facts) -> Fact:
    fact, kind = facts.of_input(node, 0), bounds_of_type(node.output(0))
    if not is_integer(node.output(0)):
        return fact
    finite = True
    if not is_integer(node.input(0)):
        kind = facts.cast_bounds(node.output(0))
        fact = Fact(np.trunc(fact.low), np.trunc(fact.high), True, fact.data)
    if fact.within(kind.least, kind.most):
        return Fact(fact.low, fact.high, finite, fact.data)
    return Fact(kind.low, kind.high, finite, fact.data)
