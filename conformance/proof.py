"""Asks one graph of both engines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.graph import Graph
from lightship.engines import EngineOptions, load_engine
from lightship.engines.base import CannotRun
from lightship.engines.comparison import differences
from lightship.engines.openvino import OpenVINOProgram
from lightship.engines.openvino.unchecked import Unchecked
from lightship.errors import LightshipError
from lightship.saved_model.reader import read_graph, read_saved_model
from lightship.saved_model.signature_graph import Operation, operations_of
from lightship.saved_model.signatures import DEFAULT_SIGNATURE

ONE = (1e-4, 1e-5)  # relative and absolute, for one operation
SEVERAL = (1e-3, 1e-4)


@dataclass
class Proof:
    """cases: asked; answered: by OpenVINO, alike; wrong: what is not alike; refused: why OpenVINO does not run it."""

    operations: list[Operation]
    cases: int = 0
    answered: int = 0
    wrong: list[str] = field(default_factory=list)
    refused: str = ""


def prove(graph: Graph, folder: Path, program: Any = OpenVINOProgram) -> Proof:
    """program: makes what is to be proven; by default, OpenVINO's own."""
    _save(graph, folder)
    model = read_saved_model(folder)
    signature = model.signatures[DEFAULT_SIGNATURE]
    proof = Proof(operations_of(read_graph(folder), signature))
    options = EngineOptions(threads=1)
    try:
        tried = program(folder, signature, options, Unchecked(folder, signature, options))
    except CannotRun as unable:
        proof.refused = unable.reason
        return proof
    reference = load_engine(folder, model, EngineOptions(engine="tensorflow", threads=1))
    try:
        for kind, inputs in graph.samples():
            _ask(proof, graph, kind, inputs, reference, tried, tuple(signature.outputs))
    finally:
        reference.close()
        tried.close()
    return proof


def _ask(
    proof: Proof, graph: Graph, kind: str, inputs: Mapping[str, Any], reference: Any, tried: Any, names: tuple[str, ...]
) -> None:
    proof.cases += 1
    try:
        expected = reference.run(DEFAULT_SIGNATURE, inputs)
    except LightshipError as error:
        expected = error
    try:
        found = tried.run(inputs, names)
    except CannotRun:
        return  # TensorFlow would be asked
    except LightshipError as error:
        found = error
    different = _difference(expected, found, SEVERAL if graph.op == "composition" else ONE)
    if different is not None:
        shown = {name: array.ravel()[:6].tolist() for name, array in inputs.items()}
        proof.wrong.append(f"{kind} {shown}: {different}"[:400])
    elif not isinstance(found, LightshipError):
        proof.answered += 1


def _difference(expected: Any, found: Any, apart: tuple[float, float]) -> str | None:
    if not isinstance(expected, LightshipError) and not isinstance(found, LightshipError):
        return differences(expected, found, *apart)
    alike = isinstance(expected, LightshipError) and isinstance(found, LightshipError) and expected.code == found.code
    return None if alike else f"{_short(found)} instead of {_short(expected)}"


def _short(value: Any) -> str:
    return f"{value.code.name}: {value.message[:120]}" if isinstance(value, LightshipError) else "an answer"


def _save(graph: Graph, folder: Path) -> None:
    import tensorflow as tf

    def function(*arrays: Any) -> Any:
        made = graph.build(tf, *arrays)
        return made if isinstance(made, dict) else {"y": made}

    module = tf.Module()
    specs = [tf.TensorSpec(shape, dtype, name) for name, dtype, shape in graph.inputs]
    module.function = tf.function(function, input_signature=specs, autograph=False)
    concrete = module.function.get_concrete_function()
    module.variables_ = getattr(graph.build, "variables", list)()
    tf.saved_model.save(module, str(folder), signatures={DEFAULT_SIGNATURE: concrete})
