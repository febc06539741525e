"""Proves graphs in a process of its own, since one that ends it must not end the suite."""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from conformance.compositions import compositions
from conformance.graph import Graph
from conformance.operations import all_graphs
from conformance.proof import prove
from lightship.engines.openvino.proven import split


def graphs() -> list[Graph]:
    return [*all_graphs(), *compositions()]


def main() -> None:
    """Arguments: the first graph, the one behind the last, the step. Prints a line of JSON before and after each."""
    first, last, step = map(int, sys.argv[1:4])
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    logging.disable(logging.CRITICAL)
    every = graphs()
    for number in range(first, min(last, len(every)), step):
        print(json.dumps({"begun": number}), flush=True)
        print(json.dumps({"done": number, **result(every[number])}), flush=True)


def result(graph: Graph) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="lightship-conformance-") as place:
        proof = prove(graph, Path(place) / "1")
    nodes = [
        {"op": one.op, "types": types, "attributes": others}
        for one in proof.operations
        for types, others in [split(one.attributes)]
    ]
    return {
        "op": graph.op,
        "cases": proof.cases,
        "answered": proof.answered,
        "wrong": proof.wrong[:3],
        "refused": proof.refused,
        "nodes": nodes,
    }


if __name__ == "__main__":
    main()
