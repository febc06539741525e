"""Computes the facts inside loops and of their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lightship.engines.openvino.facts import (
    EXACT_INTEGER,
    Fact,
    Facts,
    Rule,
    bounded,
    bounds_of_type,
    interpret,
    is_integer,
    joined,
)

_LOOPS = ("Loop", "TensorIterator")


def is_loop(node: Any) -> bool:
    return node.get_type_name() in _LOOPS


def loop_rule(rules: Mapping[str, Rule], default: Rule) -> Rule:
    """Returns the rule of Loop and TensorIterator. It interprets the body until its assumptions about the body hold."""

    def rule(node: Any, facts: Facts) -> Sequence[Fact]:
        body = node.get_function()
        assumed = _entering(node, facts, body)
        for _ in range(2):
            inner = Facts(assumed, facts.largest, facts.looks_at_weights)
            facts.note_body(node, inner)
            interpret(body, inner, {**rules, **dict.fromkeys(_LOOPS, rule)}, default)
            broken = {name: fact for name, fact in _next(node, inner, body) if not assumed[name].finite <= fact.finite}
            if not broken:
                break
            assumed |= {name: bounded(fact.least, fact.most, finite=False) for name, fact in broken.items()}
        return _leaving(node, facts, inner, body)

    return rule


def counters(node: Any) -> frozenset[str]:
    """Returns the body's parameters that start at a non-negative constant and grow by a constant in each iteration."""
    body = node.get_function()
    parameters, results = body.get_parameters(), body.get_results()
    found = set()
    for merged in _merged(node):
        parameter = parameters[merged.body_parameter_index]
        start = node.input(merged.input_index).get_source_output().get_node()
        begins = start.get_type_name() == "Constant" and start.data.size == 1 and start.data.min() >= 0
        if begins and is_integer(parameter.output(0)) and _grows(parameter, results[merged.body_value_index]):
            found.add(parameter.get_name())
    return frozenset(found)


def _grows(parameter: Any, result: Any) -> bool:
    node = result.input(0).get_source_output().get_node()
    if node.get_type_name() != "Add":
        return False
    sources = [node.input(index).get_source_output().get_node() for index in range(2)]
    others = [source for source in sources if source.get_name() != parameter.get_name()]
    return len(others) == 1 and others[0].get_type_name() == "Constant" and others[0].data.min() >= 0


def _merged(node: Any) -> list[Any]:
    return [one for one in node.get_input_descriptions() if type(one).__name__ == "MergedInputDescription"]


def _entering(node: Any, facts: Facts, body: Any) -> dict[str, Fact]:
    """Returns the facts of the body's parameters that hold in all iterations."""
    parameters, growing, assumed = body.get_parameters(), counters(node), {}
    for one in node.get_input_descriptions():
        parameter, fact = parameters[one.body_parameter_index], facts.of_input(node, one.input_index)
        if type(one).__name__ == "MergedInputDescription":
            if parameter.get_name() in growing:
                # A loop with more iterations than this would not end within a request's time.
                fact = bounded(fact.least, EXACT_INTEGER - 1, data=False)
            else:
                kind = bounds_of_type(parameter.output(0))
                fact = bounded(kind.least, kind.most, finite=fact.finite)
        elif type(one).__name__ == "SliceInputDescription":
            fact = fact.whole()
        assumed[parameter.get_name()] = fact
    return assumed


def _next(node: Any, inner: Facts, body: Any) -> list[tuple[str, Fact]]:
    """Returns the facts of the values for the next iteration, with the names of the parameters that receive them."""
    parameters, results = body.get_parameters(), body.get_results()
    return [
        (parameters[one.body_parameter_index].get_name(), inner.of_input(results[one.body_value_index], 0))
        for one in _merged(node)
    ]


def _leaving(node: Any, facts: Facts, inner: Facts, body: Any) -> list[Fact]:
    results, starts = body.get_results(), {one.body_value_index: one.input_index for one in _merged(node)}
    found: dict[int, Fact] = {}
    for one in node.get_output_descriptions():
        fact = inner.of_input(results[one.body_value_index], 0).whole()
        if one.body_value_index in starts:
            fact = joined([fact, facts.of_input(node, starts[one.body_value_index])])
        found[one.output_index] = Fact(fact.low, fact.high, fact.finite, data=True)
    return [found[index] for index in range(node.get_output_size())]
