"""The operations that run in Python give TensorFlow's answers, for the values of the conformance suite."""

from __future__ import annotations

from pathlib import Path

import pytest
from conformance.host import OnHost, host_graphs, prove_on_host
from conformance.proof import prove

from lightship.engines.host.kernels import KERNELS

pytestmark = pytest.mark.tensorflow

EVERY = host_graphs()


def _first_of_each() -> list[int]:
    """Of each operation one graph for each of its types and attributes that matter; of strings every graph."""
    found: dict[tuple[object, ...], int] = {}
    for number, graph in enumerate(EVERY):
        key = graph.op, *sorted(graph.types.items())
        if "String" in graph.op or "Regex" in graph.op or graph.op.startswith(("Lookup", "Ragged")):
            key = (*key, *sorted(map(str, graph.attributes.items())), number)
        found.setdefault(key, number)
    return sorted(found.values())


@pytest.mark.parametrize("number", _first_of_each(), ids=lambda number: f"{EVERY[number].op}-{number}")
def test_an_operation_in_python_gives_tensorflows_answers(number: int, tmp_path: Path) -> None:
    assert prove_on_host(EVERY[number], tmp_path / "1").wrong == []


def test_every_operation_in_python_is_tried() -> None:
    assert KERNELS.keys() - {graph.op for graph in EVERY} <= {"LookupTableSizeV2"}  # is asked beside each lookup


def test_a_wrong_operation_in_python_is_caught(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    graph = next(graph for graph in EVERY if graph.op == "StringLower")
    monkeypatch.setitem(KERNELS, "StringLower", KERNELS["StringUpper"])  # type: ignore[index]
    assert prove(graph, tmp_path / "1", OnHost).wrong != []
