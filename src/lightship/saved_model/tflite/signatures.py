"""The signatures of `model.tflite`, as those of a SavedModel, so that clients see no difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lightship import protos
from lightship.errors import DataLoss
from lightship.saved_model.reader import SavedModel
from lightship.saved_model.signatures import DEFAULT_SIGNATURE, PREDICT_METHOD, Signature, TensorSpec
from lightship.saved_model.tflite.model import (
    Subgraph,
    Tensor,
    TfliteModel,
    TfliteSignature,
    parse_tflite,
    tflite_bytes,
)
from lightship.saved_model.versions import TFLITE_FILE


def read_tflite(folder: Path) -> SavedModel:
    """Reads the signatures of `model.tflite` in a version folder.

    Raises NotFound if it is not there, DataLoss if it is truncated or damaged, and the errors of `read_file`.
    """
    return as_saved_model(parse_tflite(tflite_bytes(folder), folder), folder)


def as_saved_model(model: TfliteModel, folder: Path) -> SavedModel:
    """Returns the signatures of a file of a version folder, and its operations, such as "CONV_2D".

    Raises DataLoss if the file has no signature, and two inputs or outputs have the same name.
    """
    named = signatures_of(model, folder)
    signatures = {name: _signature(name, named[name], model.subgraphs[named[name].subgraph]) for name in sorted(named)}
    return SavedModel(
        signatures=MappingProxyType(signatures),
        operations=frozenset(one.name for graph in model.subgraphs for one in graph.operators),
        tensorflow_version="",
        file=TFLITE_FILE,
    )


def signatures_of(model: TfliteModel, folder: Path) -> Mapping[str, TfliteSignature]:
    """Returns the file's signatures. A file without any has `serving_default`, made of the names of its tensors.

    TensorFlow Serving does the same. Raises DataLoss if such names are missing or not different.
    """
    if model.signatures:
        return model.signatures
    graph = model.subgraphs[0]
    inputs, outputs = (_by_name(graph, indices, folder) for indices in (graph.inputs, graph.outputs))
    return {DEFAULT_SIGNATURE: TfliteSignature(0, inputs, outputs)}


def _by_name(graph: Subgraph, indices: Iterable[int], folder: Path) -> dict[str, int]:
    named = [(graph.tensors[index].name, index) for index in indices]
    unclear = [name for name, count in Counter(name for name, _ in named).items() if count > 1 or not name]
    if unclear:
        raise DataLoss(
            f"{TFLITE_FILE} in {folder} has no signature, and its inputs or outputs cannot be told apart by name: "
            f"{unclear[0]!r} is empty or there twice; convert the model again, with a signature"
        )
    return dict(named)


def _signature(name: str, found: TfliteSignature, graph: Subgraph) -> Signature:
    definition = protos.SignatureDef(method_name=PREDICT_METHOD)
    for entries, named in ((definition.inputs, found.inputs), (definition.outputs, found.outputs)):
        for key in sorted(named):
            _describe(entries[key], graph.tensors[named[key]])
    return Signature(
        name=name,
        method_name=PREDICT_METHOD,
        inputs=_specs(found.inputs, graph),
        outputs=_specs(found.outputs, graph),
        definition=definition,
    )


def _describe(info: Any, tensor: Tensor) -> None:
    """Writes a `tensorflow.TensorInfo`."""
    info.name, info.dtype = tensor.name, int(tensor.dtype)
    info.tensor_shape.unknown_rank = tensor.shape is None
    for size in tensor.shape or ():
        info.tensor_shape.dim.add(size=size)


def _specs(named: Mapping[str, int], graph: Subgraph) -> Mapping[str, TensorSpec]:
    return MappingProxyType({key: _spec(key, graph.tensors[named[key]]) for key in sorted(named)})


def _spec(key: str, tensor: Tensor) -> TensorSpec:
    return TensorSpec(key, tensor.dtype, tensor.shape, tensor.name)
