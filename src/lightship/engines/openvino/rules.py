"""How each operation of OpenVINO changes the bounds of its operands."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lightship.engines.openvino import moves
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
    interpret,
    is_integer,
    joined,
    static_shape,
)
from lightship.engines.openvino.loops import loop_rule

# exp of more is beyond float32.
_MAX_EXPONENT = 88.0

Arithmetic = Callable[[Fact, Fact], tuple[Bounds, Bounds]]


def _constant(node: Any, facts: Facts) -> Fact:
    if node.get_output_element_type(0).get_type_name() in ("string", "undefined"):
        return bounded(-math.inf, math.inf, data=False)
    data = np.asarray(node.data)
    if data.size <= MAX_EXACT_ELEMENTS:
        values = data.astype(np.float64)
        return Fact(values, values, bool(np.isfinite(values).all()), data=False)
    if is_integer(node.output(0)):
        return bounded(float(data.min()), float(data.max()), data=False)
    finite = not facts.looks_at_weights or math.isfinite(np.add.reduce(data, axis=None))
    return bounded(-math.inf, math.inf, finite=finite, data=False)


def _parameter(node: Any, facts: Facts) -> Fact:
    return facts.parameter(node)


def _shape_of(node: Any, facts: Facts) -> Fact:
    partial = node.get_input_partial_shape(0)
    if partial.rank.is_dynamic:
        return bounded(0, EXACT_INTEGER, data=False)
    sizes = [(dim.get_length(), dim.get_length()) if dim.is_static else (0, EXACT_INTEGER) for dim in partial]
    low, high = np.array(sizes, np.float64).reshape(-1, 2).T
    return Fact(low, high, data=False)


def _default(node: Any, facts: Facts) -> Sequence[Fact]:
    """Nothing is known but the type; what is computed from finite numbers is taken as finite."""
    operands = inputs_of(node, facts)
    finite, data = all(fact.finite for fact in operands), any(fact.data for fact in operands)
    types = (bounds_of_type(output) for output in node.outputs())
    return [Fact(fact.low, fact.high, finite, data) for fact in types]


def _ranged(low: float, high: float) -> Rule:
    """An operation whose results lie between two numbers, whatever its operands."""

    def rule(node: Any, facts: Facts) -> Sequence[Fact]:
        operands = inputs_of(node, facts)
        finite, data = all(fact.finite for fact in operands), any(fact.data for fact in operands)
        return [bounded(low, high, finite=finite, data=data) for _ in node.outputs()]

    return rule


def _monotone(function: Callable[[Bounds], Bounds]) -> Rule:
    def rule(node: Any, facts: Facts) -> Fact:
        fact = facts.of_input(node, 0)
        return Fact(function(fact.low), function(fact.high), fact.finite, fact.data)

    return rule


def _corners(function: Callable[[Bounds, Bounds], Bounds]) -> Arithmetic:
    """Bounds of a function that is monotone in each operand: the extremes lie at the corners."""

    def rule(a: Fact, b: Fact) -> tuple[Bounds, Bounds]:
        corners = [function(x, y) for x in (a.low, a.high) for y in (b.low, b.high)]
        stacked = np.stack(np.broadcast_arrays(*corners))
        low, high = stacked.min(0), stacked.max(0)
        return np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)

    return rule


def _broadcastable(node: Any, a: Fact, b: Fact) -> tuple[Fact, Fact]:
    """Bounds of single elements are only kept where the output is as small."""
    shape = static_shape(node.output(0))
    if shape is None or math.prod(shape) > MAX_EXACT_ELEMENTS:
        return a.whole(), b.whole()
    return a, b


def _binary(arithmetic: Arithmetic) -> SingleRule:
    def rule(node: Any, facts: Facts) -> Fact:
        a, b = _broadcastable(node, facts.of_input(node, 0), facts.of_input(node, 1))
        low, high = arithmetic(a, b)
        return Fact(low, high, a.finite and b.finite, a.data or b.data)

    return rule


def _multiply(node: Any, facts: Facts) -> Fact:
    fact = _binary(_corners(np.multiply))(node, facts)
    operands = inputs_of(node, facts)
    if not fact.data and not any(one.exact for one in operands) and fact.least >= 0:
        # Sizes of tensors, whose product is no more than the elements that a tensor may have: a guard sees to that.
        facts.multiplies_sizes = True
        return Fact(fact.low, np.minimum(fact.high, EXACT_INTEGER), fact.finite, fact.data)
    if node.input(0).get_source_output() == node.input(1).get_source_output():
        return Fact(np.maximum(fact.low, 0.0), fact.high, fact.finite, fact.data)
    return fact


def _squared_difference(node: Any, facts: Facts) -> Fact:
    fact = _binary(_corners(np.subtract))(node, facts)
    most = np.maximum(np.abs(fact.low), np.abs(fact.high))
    return Fact(np.zeros_like(most), most * most, fact.finite, fact.data)


def _divide(node: Any, facts: Facts) -> Fact:
    a, b = _broadcastable(node, facts.of_input(node, 0), facts.of_input(node, 1))
    apart = b.least > 0 or b.most < 0
    if is_integer(node.output(0)) and not apart:  # a guard sees to it that nothing is divided by 0
        most = max(abs(a.least), abs(a.most))
        return bounded(-most, most, data=a.data or b.data)
    if not apart:
        return bounded(-math.inf, math.inf, finite=False, data=a.data or b.data)
    low, high = _corners(np.divide)(a, b)
    if is_integer(node.output(0)):
        low, high = np.floor(low), np.ceil(high)
    return Fact(low, high, a.finite and b.finite, a.data or b.data)


def _remainder(node: Any, facts: Facts) -> Fact:
    a, b = facts.of_input(node, 0), facts.of_input(node, 1)
    size = max(abs(b.least), abs(b.most))
    low = 0.0 if b.least >= 0 and (a.least >= 0 or node.get_type_name() == "FloorMod") else -size
    finite = a.finite and b.finite and (b.least > 0 or b.most < 0)
    return bounded(low, size, finite=finite, data=a.data or b.data)


def _power(node: Any, facts: Facts) -> Fact:
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


def _defined_from(function: Callable[[Bounds], Bounds], least: float, *, open_: bool = False) -> Rule:
    """A monotone function that is only defined from a number on: sqrt and log."""

    def rule(node: Any, facts: Facts) -> Fact:
        fact = facts.of_input(node, 0)
        if fact.least < least or (open_ and fact.least == least):
            return bounded(-math.inf, math.inf, finite=False, data=fact.data)
        return Fact(function(fact.low), function(fact.high), fact.finite, fact.data)

    return rule


def _exp(node: Any, facts: Facts) -> Fact:
    fact = facts.of_input(node, 0).whole()
    finite = fact.finite and fact.most <= _MAX_EXPONENT
    return Fact(np.exp(fact.low), np.exp(fact.high), finite, fact.data)


def _undefined_somewhere(node: Any, facts: Facts) -> Fact:
    return bounded(-math.inf, math.inf, finite=False, data=facts.of_input(node, 0).data)


def _absolute(node: Any, facts: Facts) -> Fact:
    fact = facts.of_input(node, 0)
    inside = (fact.low <= 0) & (fact.high >= 0)
    low = np.where(inside, 0.0, np.minimum(np.abs(fact.low), np.abs(fact.high)))
    return Fact(low, np.maximum(np.abs(fact.low), np.abs(fact.high)), fact.finite, fact.data)


def _negative(node: Any, facts: Facts) -> Fact:
    fact = facts.of_input(node, 0)
    return Fact(-fact.high, -fact.low, fact.finite, fact.data)


def _clamp(node: Any, facts: Facts) -> Fact:
    fact, wanted = facts.of_input(node, 0), node.get_attributes()
    low, high = float(wanted["min"]), float(wanted["max"])
    return Fact(np.clip(fact.low, low, high), np.clip(fact.high, low, high), fact.finite, fact.data)


def _select(node: Any, facts: Facts) -> Fact:
    condition, then, otherwise = inputs_of(node, facts)
    small = all(fact.low.size <= MAX_EXACT_ELEMENTS for fact in (condition, then, otherwise))
    if condition.exact and small and static_shape(node.output(0)) is not None:
        low, high = (np.where(condition.low, a, b) for a, b in ((then.low, otherwise.low), (then.high, otherwise.high)))
        return Fact(low, high, then.finite and otherwise.finite, then.data or otherwise.data)
    chosen = joined([then, otherwise])
    return Fact(chosen.low, chosen.high, chosen.finite, chosen.data or condition.data)


def _convert(node: Any, facts: Facts) -> Fact:
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


def _mean(node: Any, facts: Facts) -> Fact:
    fact = facts.of_input(node, 0).whole()
    return fact


def _sum(node: Any, facts: Facts) -> Fact:
    fact, most = facts.of_input(node, 0).whole(), _reduced_elements(node)
    low = 0.0 if fact.least >= 0 else min(fact.least * most, fact.least)
    return bounded(low, max(fact.most * most, 0.0, fact.most), finite=fact.finite, data=fact.data)


def _product(node: Any, facts: Facts) -> Fact:
    fact = facts.of_input(node, 0)
    if fact.low.ndim == 1 and fact.least >= 0:
        low, high = float(np.prod(fact.low)), float(np.prod(fact.high))
        if not fact.data and not fact.exact:
            facts.multiplies_sizes = True
            high = min(high, float(EXACT_INTEGER))
        return bounded(low, high, finite=fact.finite, data=fact.data)
    return bounded(0.0 if fact.least >= 0 else -math.inf, math.inf, finite=fact.finite, data=fact.data)


def _reduced_elements(node: Any) -> float:
    """How many elements come into one result, at most."""
    shape = static_shape(node.input(0))
    return float(math.prod(shape)) if shape is not None else float(EXACT_INTEGER)


def _range(node: Any, facts: Facts) -> Fact:
    start, stop, _ = inputs_of(node, facts)
    return joined([start.whole(), stop.whole()])


def _top_k(node: Any, facts: Facts) -> Sequence[Fact]:
    fact, axis = facts.of_input(node, 0).whole(), int(node.get_attributes()["axis"])
    partial = node.get_input_partial_shape(0)
    static = partial.rank.is_static and partial[axis].is_static
    most = partial[axis].get_length() if static else EXACT_INTEGER
    return [fact, bounded(0, max(most - 1, 0))]


def _one_hot(node: Any, facts: Facts) -> Fact:
    indices, _, on, off = inputs_of(node, facts)
    fact = joined([on, off])
    return Fact(fact.low, fact.high, fact.finite, indices.data)


def _relu(node: Any, facts: Facts) -> Fact:
    fact = facts.of_input(node, 0)
    return Fact(np.maximum(fact.low, 0.0), np.maximum(fact.high, 0.0), fact.finite, fact.data)


def _joined_operands(*positions: int) -> Rule:
    def rule(node: Any, facts: Facts) -> Sequence[Fact]:
        operands = inputs_of(node, facts)
        values = joined([operands[index] for index in positions if index < len(operands)])
        data = any(fact.data for fact in operands)
        return [Fact(values.low, values.high, values.finite, data) for _ in node.outputs()]

    return rule


def _max_pool(node: Any, facts: Facts) -> Sequence[Fact]:
    fact = facts.of_input(node, 0).whole()
    return [fact, *(bounds_of_type(output) for output in list(node.outputs())[1:])]


def _result(node: Any, facts: Facts) -> Fact:
    return facts.of_input(node, 0)


_UNIT = _ranged(0, 1)
_SIGNED_UNIT = _ranged(-1, 1)
_COMPARISONS = ("Equal", "NotEqual", "Less", "LessEqual", "Greater", "GreaterEqual", "IsNaN", "IsInf", "IsFinite")
_LOGIC = ("LogicalAnd", "LogicalOr", "LogicalNot", "LogicalXor", "ReduceLogicalAnd", "ReduceLogicalOr")

RULES: Mapping[str, Rule] = {
    **dict.fromkeys((*_COMPARISONS, *_LOGIC, "Sigmoid", "Softmax", "HSigmoid", "HardSigmoid"), _UNIT),
    **dict.fromkeys(("Tanh", "Erf", "Sin", "Cos", "SoftSign", "Sign"), _SIGNED_UNIT),
    **dict.fromkeys(("Tan", "Asin", "Acos", "Acosh", "Atanh", "Sinh", "Cosh"), _undefined_somewhere),
    **dict.fromkeys(moves.MOVES, moves.move),
    **dict.fromkeys(("ReduceMean", "ReduceMax", "ReduceMin", "AvgPool"), _mean),
    "Abs": _absolute,
    "Add": _binary(lambda a, b: (a.low + b.low, a.high + b.high)),
    "Ceiling": _monotone(np.ceil),
    "Clamp": _clamp,
    "Concat": moves.concat,
    "Constant": _constant,
    "Convert": _convert,
    "ConvertLike": _convert,
    "Divide": _divide,
    "Exp": _exp,
    "Floor": _monotone(np.floor),
    "FloorMod": _remainder,
    "Log": _defined_from(np.log, 0.0, open_=True),
    "MaxPool": _max_pool,
    "Maximum": _binary(lambda a, b: (np.maximum(a.low, b.low), np.maximum(a.high, b.high))),
    "Minimum": _binary(lambda a, b: (np.minimum(a.low, b.low), np.minimum(a.high, b.high))),
    "Mod": _remainder,
    "Multiply": _multiply,
    "Negative": _negative,
    "OneHot": _one_hot,
    "Pad": _joined_operands(0, 3),
    "Parameter": _parameter,
    "Power": _power,
    "Range": _range,
    "ReduceProd": _product,
    "ReduceSum": _sum,
    "Relu": _relu,
    "Result": _result,
    "Round": _monotone(np.round),
    "ScatterUpdate": _joined_operands(0, 2),
    "Select": _select,
    "ShapeOf": _shape_of,
    "Sqrt": _defined_from(np.sqrt, 0.0),
    "SquaredDifference": _squared_difference,
    "Subtract": _binary(lambda a, b: (a.low - b.high, a.high - b.low)),
    "TopK": _top_k,
}


def facts_of(model: Any, largest: float = math.inf, *, looks_at_weights: bool = True) -> Facts:
    """The facts of a model for any input, or where the integers that a client sends are at most so large.

    looks_at_weights: whether they are held to be finite only if they are, which takes a moment for large ones.
    """
    facts = Facts({}, largest, looks_at_weights)
    rules = {**RULES, **dict.fromkeys(("Loop", "TensorIterator"), loop_rule(RULES, _default))}
    interpret(model, facts, rules, _default)
    return facts
