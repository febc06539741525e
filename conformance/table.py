"""From what was proven of each graph to the table."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

from conformance.compositions import LOOPS
from lightship.engines.openvino.proven import split
from lightship.saved_model.signature_graph import attribute_value


def table(results: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """An operation is in it with the types of which no graph was wrong and at least one was answered."""
    results = list(results)
    known = defaults({node["op"] for result in results for node in result["nodes"]})
    results = [{**result, "nodes": [_written_out(node, known) for node in result["nodes"]]} for result in results]
    wrong = {_key(node) for result in results if result["wrong"] for node in _nodes(result)}
    # Of one that ended its process, nothing more is known.
    ended = {result["op"] for result in results if result["wrong"] and not result["nodes"]}
    cases, entries = Counter[str](), dict[str, dict[str, Any]]()
    for result in results:
        if result["wrong"] or result["refused"] or not result["answered"]:
            continue
        for node in _nodes(result):
            if _key(node) in wrong or node["op"] in ended:
                continue
            cases[node["op"]] += result["cases"]
            entry = entries.setdefault(node["op"], {"types": [], "attributes": {}})
            if node["types"] not in entry["types"]:
                entry["types"].append(node["types"])
            for name, value in node["attributes"].items():
                values = entry["attributes"].setdefault(name, [])
                if value not in values:
                    values.append(value)
    return {
        "versions": {"openvino": version("openvino"), "tensorflow": version("tensorflow-cpu")},
        "operations": {op: _sorted(entries[op], cases[op]) for op in sorted(entries)},
        "defaults": {op: known[op] for op in sorted(entries) if op in known},
    }


def defaults(operations: Iterable[str]) -> dict[str, dict[str, Any]]:
    """TensorFlow's defaults of these operations' attributes.

    `tf.saved_model.save` leaves out an attribute that has its default; the builder of TensorFlow 1 writes it.
    """
    from tensorflow.python.framework import op_def_registry

    found = {}
    for op in sorted(operations):
        definition = op_def_registry.get(op)
        values = {
            attribute.name: attribute_value(attribute.default_value)
            for attribute in (definition.attr if definition is not None else ())
            if attribute.HasField("default_value")
        }
        known = {name: value for name, value in sorted(values.items()) if value is not None}
        if known:
            found[op] = known
    return found


def _written_out(node: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """With the attributes that have TensorFlow's default, so that the table says whether that default was tried."""
    written = {name: tuple(value) if isinstance(value, list) else value for name, value in node["attributes"].items()}
    types, others = split({**known.get(node["op"], {}), **node["types"], **written})
    return {"op": node["op"], "types": types, "attributes": others}


def _nodes(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The nodes that a graph is about; of a composition, those of its loops."""
    if result["op"] != "composition":
        return [node for node in result["nodes"] if node["op"] == result["op"]]
    handed_on = {"op": "Identity", "types": {"T": "variant"}, "attributes": {}}  # a list from one round to the next
    return [node for node in result["nodes"] if node["op"] in LOOPS or node == handed_on]


def _key(node: Mapping[str, Any]) -> str:
    return json.dumps([node["op"], node["types"]], sort_keys=True)


def _sorted(entry: dict[str, Any], cases: int) -> dict[str, Any]:
    def order(value: Any) -> str:
        return json.dumps(value, sort_keys=True)

    attributes = {name: sorted(values, key=order) for name, values in sorted(entry["attributes"].items())}
    return {"types": sorted(entry["types"], key=order), "attributes": attributes, "cases": cases}
