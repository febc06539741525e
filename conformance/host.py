"""`python -m conformance.host`: proves the operations that run in Python, in front of a model or behind it."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from conformance.graph import Graph
from conformance.operations import all_graphs
from conformance.proof import Proof, prove
from conformance.strings import string_graphs
from lightship.engines.base import CannotRun, EngineOptions
from lightship.engines.host.flat import Tensor, flattened
from lightship.engines.host.kernels import KERNELS
from lightship.engines.host.split import is_shared
from lightship.engines.host.steps import Steps
from lightship.engines.host.tables import tables_of
from lightship.saved_model.reader import read_graph, read_saved_model
from lightship.saved_model.signatures import Signature


class OnHost:
    """Runs every node of a graph in Python, also those that OpenVINO could run."""

    def __init__(self, folder: Path, signature: Signature, options: EngineOptions, compiler: Any) -> None:
        graph = read_graph(folder)
        flat, found = flattened(graph, [spec.tensor for spec in signature.outputs.values()])
        nodes = [node for node in flat.nodes.values() if not is_shared(node)]
        missing = sorted({node.op for node in nodes} - KERNELS.keys())
        if missing:
            raise CannotRun(f"{', '.join(missing)} run on TensorFlow or OpenVINO only")
        self._outputs = dict(zip(signature.outputs, found, strict=True))
        self._inputs = {name: Tensor(spec.tensor.partition(":")[0], 0) for name, spec in signature.inputs.items()}
        self._steps = Steps(flat, nodes, found, tables_of(folder, graph, read_saved_model(folder)))

    def run(self, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str]) -> dict[str, NDArray[Any]]:
        results = self._steps.run({tensor: inputs[name] for name, tensor in self._inputs.items()})
        return {name: results[self._outputs[name]] for name in outputs}

    def close(self) -> None:
        pass


def host_graphs() -> list[Graph]:
    return [*string_graphs(), *(graph for graph in all_graphs() if graph.op in KERNELS)]


def prove_on_host(graph: Graph, folder: Path) -> Proof:
    return prove(graph, folder, OnHost)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m conformance.host", description=__doc__)
    parser.add_argument("--only", help="try the graphs of this operation")
    only = parser.parse_args().only
    wrong = cases = refused = 0
    graphs = [graph for graph in host_graphs() if only in (None, graph.op)]
    for graph in graphs:
        with tempfile.TemporaryDirectory(prefix="lightship-conformance-") as place:
            proof = prove_on_host(graph, Path(place) / "1")
        wrong, cases, refused = wrong + bool(proof.wrong), cases + proof.cases, refused + bool(proof.refused)
        for text in proof.wrong[:1]:
            print(f"WRONG {graph.op} {dict(graph.types)} {dict(graph.attributes)}: {text}", flush=True)
        if proof.refused:
            print(f"refused {graph.op} {dict(graph.types)}: {proof.refused}", flush=True)
    print(f"{len(graphs)} graphs, {cases} cases; {wrong} graphs with differences, {refused} refused")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
