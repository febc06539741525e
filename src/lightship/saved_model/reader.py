"""Reads `saved_model.pb` or `saved_model.pbtxt`: signatures, operations, and a copy with only one signature."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from google.protobuf.message import DecodeError

from lightship import protos
from lightship.errors import DataLoss, InvalidArgument, NotFound, ResourceExhausted, Unimplemented
from lightship.protos.text import parse_text
from lightship.saved_model.graph_state import Changes, changes_in
from lightship.saved_model.signatures import DEFAULT_SIGNATURE, INIT_SIGNATURE, SERVE, Signature, TensorSpec
from lightship.saved_model.version_files import open_file, read_file
from lightship.saved_model.versions import SAVED_MODEL_FILE, SAVED_MODEL_TEXT, SESSION_BUNDLE_FILE
from lightship.tensors.dtypes import DataType

MAX_MODEL_BYTES = 2**31 - 1  # the most that protobuf can read
MAX_TEXT_BYTES = 32 << 20  # of saved_model.pbtxt; each MiB takes half a second, and up to 100 MiB of memory
_PLACEHOLDERS = frozenset({"Placeholder", "PlaceholderV2"})
_FED_DIRECTLY = _PLACEHOLDERS | {"PlaceholderWithDefault"}


@dataclass(frozen=True, slots=True)
class SavedModel:
    """One graph of a SavedModel and its signatures."""

    # All signatures, including `__saved_model_init_op`.
    signatures: Mapping[str, Signature]
    # The operations of the graph and of its functions.
    operations: frozenset[str]
    tensorflow_version: str
    # How the signatures that clients can call change variables.
    changes: Changes = field(default_factory=Changes)
    tags: tuple[str, ...] = SERVE
    # The dtypes of the graph's placeholders without a default, by name. A signature may also feed other nodes.
    placeholders: Mapping[str, DataType] = field(default_factory=dict)
    # The file in the version folder that it was read from: saved_model.pb, also for its text form, or model.tflite.
    file: str = SAVED_MODEL_FILE
    # The names of files in the folder `assets`, by the nodes of the graph that hold their paths.
    assets: Mapping[str, str] = field(default_factory=dict)


def read_saved_model(folder: Path, tags: Collection[str] = SERVE) -> SavedModel:
    """Reads `saved_model.pb` or `saved_model.pbtxt` in a version folder, without the variables.

    Raises NotFound if no graph has exactly these tags, DataLoss if the file is broken, and the errors of
    `saved_model_bytes`.
    """
    return parse_saved_model(saved_model_bytes(folder), folder, tags)


def parse_saved_model(data: bytes, folder: Path, tags: Collection[str] = SERVE) -> SavedModel:
    """Reads the bytes of `saved_model.pb` in a version folder. Raises NotFound and DataLoss, as `read_saved_model`."""
    model = _parse(data, folder)
    graph = graph_with_tags(model, tags, folder)
    alone = len(model.meta_graphs) == 1
    fed = {node.name: node for node in graph.graph_def.node if node.op in _FED_DIRECTLY}
    signatures = {
        name: _signature(name, graph.signature_def[name], tuple(tags), alone, fed)
        for name in sorted(graph.signature_def)
    }
    operations = _operations(graph.graph_def)
    return SavedModel(
        signatures=MappingProxyType(signatures),
        operations=operations,
        tensorflow_version=graph.meta_info_def.tensorflow_version,
        changes=changes_in(graph.graph_def, _fetched(signatures), operations),
        tags=tuple(tags),
        placeholders={name: _dtype_of(node) for name, node in fed.items() if node.op in _PLACEHOLDERS},
        assets={
            asset.tensor_info.name.partition(":")[0]: asset.filename
            for asset in graph.asset_file_def
            if Path(asset.filename).name == asset.filename
        },
    )


def with_only_signature(
    saved_model_pb: bytes, name: str, tags: Collection[str] = SERVE, outputs: Mapping[str, str] | None = None
) -> bytes:
    """Returns a copy of `saved_model.pb` with one graph, tagged `serve`, and one signature, called `serving_default`.

    name, tags: the signature and the graph to copy. OpenVINO reads only a graph with that tag and a signature with
    that name. outputs: new names of outputs, by their names in the signature. Raises NotFound if there is no such
    graph or signature.
    """
    model = _parse(saved_model_pb, Path(SAVED_MODEL_FILE))
    graph = graph_with_tags(model, tags, Path(SAVED_MODEL_FILE))
    if name not in graph.signature_def:
        raise NotFound(f'the model has no signature "{name}"; it has {_listed(graph.signature_def)}')
    wanted = protos.SignatureDef()
    wanted.CopyFrom(graph.signature_def[name])
    for old, new in (outputs or {}).items():
        wanted.outputs[new].CopyFrom(wanted.outputs[old])
        del wanted.outputs[old]
    graph.signature_def.clear()
    graph.signature_def[DEFAULT_SIGNATURE].CopyFrom(wanted)
    graph.meta_info_def.tags[:] = SERVE
    return bytes(type(model)(saved_model_schema_version=1, meta_graphs=[graph]).SerializeToString())


def saved_model_bytes(folder: Path) -> bytes:
    """Returns a serialized `tensorflow.SavedModel`: the bytes of `saved_model.pb`, or `saved_model.pbtxt` converted.

    The conversion drops fields that are not needed to run the graph. Raises NotFound, with TensorFlow Serving's text,
    if there is neither file, DataLoss if the text cannot be parsed, ResourceExhausted if a file has more than
    `MAX_MODEL_BYTES` or `MAX_TEXT_BYTES`, PermissionDenied if it may not be read, and FailedPrecondition for a FIFO.
    """
    try:
        try:
            return read_file(folder / SAVED_MODEL_FILE, MAX_MODEL_BYTES)
        except NotFound:
            return _bytes_of_text(folder / SAVED_MODEL_TEXT)
    except (NotFound, InvalidArgument) as error:
        if os.path.exists(folder / SESSION_BUNDLE_FILE):
            raise Unimplemented("Session Bundle is deprecated and removed.") from error
        raise NotFound(
            "Specified file path does not appear to contain a SavedModel bundle (should have a file called "
            f"`{SAVED_MODEL_FILE}`)\nSpecified file path: {folder}"
        ) from error


def _bytes_of_text(file: Path) -> bytes:
    with open_file(file) as opened:
        data = opened.read(MAX_TEXT_BYTES + 1)
    if len(data) > MAX_TEXT_BYTES:
        raise ResourceExhausted(
            f"{file} has more than {MAX_TEXT_BYTES >> 20} MiB of text: save the model as {SAVED_MODEL_FILE}"
        )
    try:
        model = parse_text(data.decode(), protos.SavedModelText, unknown_fields=True)
    except (InvalidArgument, UnicodeDecodeError) as error:
        raise DataLoss(f"{file} cannot be parsed: {error}; export the model again") from error
    return bytes(model.SerializeToString())


def _parse(data: bytes, place: Path) -> Any:
    try:
        model = protos.SavedModel.FromString(data)
    except DecodeError as error:
        raise DataLoss(
            f"{SAVED_MODEL_FILE} in {place} cannot be parsed: it is truncated or not a SavedModel; "
            "export the model again"
        ) from error
    if not model.meta_graphs:
        raise DataLoss(f"{SAVED_MODEL_FILE} in {place} is empty: it contains no graph; export the model again")
    return model


def graph_with_tags(model: Any, tags: Collection[str], place: Path) -> Any:
    """Returns the `tensorflow.MetaGraphDef` with exactly these tags. Raises NotFound if there is none."""
    for graph in model.meta_graphs:
        if set(graph.meta_info_def.tags) == set(tags):
            return graph
    found = "; ".join(_listed(graph.meta_info_def.tags) for graph in model.meta_graphs)
    raise NotFound(
        f"Could not find meta graph def matching supplied tags: {{ {' '.join(tags)} }}. "
        f"The SavedModel in {place} has graphs with the tags: {found}"
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _signature(name: str, definition: Any, tags: tuple[str, ...], alone: bool, fed: Mapping[str, Any]) -> Signature:
    return Signature(
        name=name,
        method_name=definition.method_name,
        inputs=_specs(definition.inputs, fed),
        outputs=_specs(definition.outputs, {}),
        definition=definition,
        tags=tags,
        alone=alone,
    )


def _specs(tensors: Mapping[str, Any], fed: Mapping[str, Any]) -> Mapping[str, TensorSpec]:
    return MappingProxyType({name: _spec(name, tensors[name], fed) for name in sorted(tensors)})


def _spec(name: str, info: Any, fed: Mapping[str, Any]) -> TensorSpec:
    known = info.HasField("tensor_shape") and not info.tensor_shape.unknown_rank
    shape = tuple(dim.size for dim in info.tensor_shape.dim) if known else None
    declared, node = _dtype(info.dtype), fed.get(info.name.removesuffix(":0"))
    if node is None:
        return TensorSpec(name, declared, shape, info.name)
    taken = _dtype_of(node)
    return TensorSpec(
        name, declared, shape, info.name, None if taken == declared else taken, node.op not in _PLACEHOLDERS
    )


def _dtype_of(node: Any) -> DataType:
    return _dtype(node.attr["dtype"].type)


def _dtype(number: int) -> DataType:
    """Returns the type of this number. A reference type becomes its base type, an unknown number DT_INVALID."""
    number = number - 100 if number > 100 else number
    return DataType(number if number in DataType._value2member_map_ else 0)


def _fetched(signatures: Mapping[str, Signature]) -> dict[str, list[str]]:
    """Returns the output tensors of each signature that clients can call."""
    callable_ones = (signature for name, signature in signatures.items() if name != INIT_SIGNATURE)
    return {one.name: [spec.tensor for spec in one.outputs.values()] for one in callable_ones}


def _operations(graph: Any) -> frozenset[str]:
    functions = graph.library.function
    names = {node.op for node in graph.node} | {node.op for function in functions for node in function.node_def}
    return frozenset(names - {function.signature.name for function in functions})


def read_graph(folder: Path, tags: Collection[str] = SERVE) -> Any:
    """Reads the `tensorflow.GraphDef` of a version folder. Raises the errors of `read_saved_model`."""
    return graph_with_tags(_parse(saved_model_bytes(folder), folder), tags, folder).graph_def
