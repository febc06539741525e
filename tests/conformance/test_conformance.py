"""A part of the conformance suite: the table of proven operations is confirmed, and a wrong engine is noticed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conformance.graph import Graph
from conformance.proof import prove
from conformance.table import table
from conformance.worker import graphs, result

from lightship.engines.openvino import OpenVINOProgram
from lightship.engines.openvino.proven import made_with, proven_operations, split

pytestmark = pytest.mark.tensorflow

EVERY = graphs()
# Of each operation one graph for each of its types, and of the compositions every fifth.
PART = [
    number
    for number, graph in enumerate(EVERY)
    if (graph.op == "composition" and number % 5 == 0)
    or next(other for other, one in enumerate(EVERY) if (one.op, one.types) == (graph.op, graph.types)) == number
]


@pytest.mark.parametrize("number", PART, ids=lambda number: f"{EVERY[number].op}-{number}")
def test_what_the_table_says_is_so(number: int, tmp_path: Path) -> None:
    proof = prove(EVERY[number], tmp_path / "1")
    in_table = [one for one in proof.operations if one.op == EVERY[number].op and _proven(one)]
    if in_table or EVERY[number].op == "composition":
        assert proof.wrong == []


def _proven(operation: Any) -> bool:
    entry = proven_operations().get(operation.op)
    return entry is not None and split(operation.attributes)[0] in entry.types


def test_the_table_was_made_with_the_installed_versions() -> None:
    from importlib.metadata import version

    assert made_with()["openvino"] == version("openvino")


class _WrongRelu(OpenVINOProgram):
    """An engine that computes one operation wrongly."""

    def run(self, inputs: Mapping[str, Any], outputs: Any) -> dict[str, np.ndarray[Any, np.dtype[Any]]]:
        return {name: np.abs(array) for name, array in super().run(inputs, outputs).items()}


def test_an_engine_with_a_wrong_operation_is_caught(tmp_path: Path) -> None:
    graph = next(one for one in EVERY if one.op == "Elu")
    assert prove(graph, tmp_path / "right").wrong == []
    proof = prove(graph, tmp_path / "wrong", _WrongRelu)
    assert proof.wrong != []
    found = {**result(graph), "wrong": proof.wrong}
    assert "Elu" in table([result(graph)])["operations"]
    assert "Elu" not in table([found])["operations"]


def test_the_table_says_what_was_tried_in_a_stable_order() -> None:
    graph = Graph("Relu", {}, {}, [], lambda tf: None)
    nodes = [{"op": "Relu", "types": {"T": "float"}, "attributes": {}}]
    one = {"op": graph.op, "cases": 3, "answered": 2, "wrong": [], "refused": "", "nodes": nodes}
    refused = {**one, "answered": 0, "refused": "no", "nodes": [{**nodes[0], "types": {"T": "int32"}}]}
    made = table([one, one, refused])
    assert made["operations"] == {"Relu": {"types": [{"T": "float"}], "attributes": {}, "cases": 6}}
    assert json.dumps(made) == json.dumps(table([refused, one, one]))
