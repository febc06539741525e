"""The rule of each OpenVINO operation that computes the bounds of its results from those of its operands."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lightship.engines.openvino import arithmetic, moves
from lightship.engines.openvino.facts import (
    EXACT_INTEGER,
    MAX_EXACT_ELEMENTS,
    Fact,
    Facts,
    Rule,
    bounded,
    bounds_of_type,
    inputs_of,
    interpret,
    is_integer,
    joined,
    static_shape,
)
from lightship.engines.openvino.loops import loop_rule


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
    """Returns the bounds of the output's type. The result is assumed to be finite if the operands are finite."""
    operands = inputs_of(node, facts)
    finite, data = all(fact.finite for fact in operands), any(fact.data for fact in operands)
    types = (bounds_of_type(output) for output in node.outputs())
    return [Fact(fact.low, fact.high, finite, data) for fact in types]


def _mean(node: Any, facts: Facts) -> Fact:
    return facts.of_input(node, 0).whole()


def _sum(node: Any, facts: Facts) -> Fact:
    fact, most = facts.of_input(node, 0).whole(), _reduced_elements(node)
    low = 0.0 if fact.least >= 0 else min(fact.least * most, fact.least)
    return bounded(low, max(fact.most * most, 0.0, fact.most), finite=fact.finite, data=fact.data)


def _product(node: Any, facts: Facts) -> Fact:
    fact = facts.of_input(node, 0)
    if fact.low.ndim == 1 and fact.least >= 0:
        low, high = float(np.prod(fact.low)), float(np.prod(fact.high))
        if not fact.data and not fact.exact:
            facts.computes_sizes = True
            high = min(high, float(EXACT_INTEGER))
        return bounded(low, high, finite=fact.finite, data=fact.data)
    return bounded(0.0 if fact.least >= 0 else -math.inf, math.inf, finite=fact.finite, data=fact.data)


def _reduced_elements(node: Any) -> float:
    """Returns the largest number of elements that are reduced to one result."""
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


_UNIT = arithmetic.ranged(0, 1)
_SIGNED_UNIT = arithmetic.ranged(-1, 1)
_COMPARISONS = ("Equal", "NotEqual", "Less", "LessEqual", "Greater", "GreaterEqual", "IsNaN", "IsInf")
_LOGIC = ("LogicalAnd", "LogicalOr", "LogicalNot", "LogicalXor", "ReduceLogicalAnd", "ReduceLogicalOr")

RULES: Mapping[str, Rule] = {
    **dict.fromkeys((*_COMPARISONS, *_LOGIC, "Sigmoid", "Softmax", "HSigmoid", "HardSigmoid"), _UNIT),
    **dict.fromkeys(("Tanh", "Erf", "Sin", "Cos", "SoftSign", "Sign"), _SIGNED_UNIT),
    **dict.fromkeys(("Tan", "Asin", "Acos", "Acosh", "Atanh", "Sinh", "Cosh"), arithmetic.undefined_somewhere),
    **dict.fromkeys(moves.MOVES, moves.move),
    **dict.fromkeys(("ReduceMean", "ReduceMax", "ReduceMin", "AvgPool"), _mean),
    "Abs": arithmetic.absolute,
    "Add": arithmetic.binary(lambda a, b: (a.low + b.low, a.high + b.high)),
    "Ceiling": arithmetic.monotone(np.ceil),
    "Clamp": arithmetic.clamp,
    "Concat": moves.concat,
    "Constant": _constant,
    "Convert": arithmetic.convert,
    "ConvertLike": arithmetic.convert,
    "Divide": arithmetic.divide,
    "Exp": arithmetic.exp,
    "Floor": arithmetic.monotone(np.floor),
    "FloorMod": arithmetic.remainder,
    "Log": arithmetic.defined_from(np.log, 0.0, open_=True),
    "MaxPool": _max_pool,
    "Maximum": arithmetic.binary(lambda a, b: (np.maximum(a.low, b.low), np.maximum(a.high, b.high))),
    "Minimum": arithmetic.binary(lambda a, b: (np.minimum(a.low, b.low), np.minimum(a.high, b.high))),
    "Mod": arithmetic.remainder,
    "Multiply": arithmetic.multiply,
    "Negative": arithmetic.negative,
    "OneHot": _one_hot,
    "Pad": _joined_operands(0, 3),
    "Parameter": _parameter,
    "Power": arithmetic.power,
    "Range": _range,
    "ReduceProd": _product,
    "ReduceSum": _sum,
    "Relu": _relu,
    "Result": _result,
    "Round": arithmetic.monotone(np.round),
    "ScatterUpdate": _joined_operands(0, 2),
    "Select": arithmetic.select,
    "ShapeOf": _shape_of,
    "Sqrt": arithmetic.defined_from(np.sqrt, 0.0),
    "SquaredDifference": arithmetic.squared_difference,
    "Subtract": arithmetic.binary(lambda a, b: (a.low - b.high, a.high - b.low)),
    "TopK": _top_k,
}


def facts_of(model: Any, largest: float = math.inf, *, looks_at_weights: bool = True) -> Facts:
    """Returns the facts of a model for any input, or for integers from a client of a magnitude of at most `largest`.

    `looks_at_weights` checks whether large constants are finite, which takes some time. If it is False, they are
    assumed to be finite.
    """
    facts = Facts({}, largest, looks_at_weights)
    rules = {**RULES, **dict.fromkeys(("Loop", "TensorIterator"), loop_rule(RULES, _default))}
    interpret(model, facts, rules, _default)
    return facts
