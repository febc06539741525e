"""Writes the part of a signature that OpenVINO runs as a SavedModel of its own."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightship import protos
from lightship.engines.host.flat import Node, Tensor
from lightship.engines.host.split import Split
from lightship.saved_model.reader import graph_with_tags, saved_model_bytes
from lightship.saved_model.signatures import DEFAULT_SIGNATURE, INIT_SIGNATURE, SERVE, Signature
from lightship.saved_model.versions import SAVED_MODEL_FILE
from lightship.tensors.dtypes import DataType

Shape = tuple[int, ...]
_PREFIX = "lightship_split/"


def write_derived(
    folder: Path, place: Path, signature: Signature, split: Split, fed: Mapping[str, tuple[Tensor, DataType, Shape]]
) -> dict[str, Tensor]:
    """Writes the model's part of a signature into the empty folder `place`, as its `serving_default`.

    fed: the tensors that are computed in front of the model, with their types and shapes, by the names that the model's
    inputs get. Returns the tensors that the model gives, by the names of its outputs. The variables are not copied.
    """
    model = protos.SavedModel.FromString(saved_model_bytes(folder))
    graph = graph_with_tags(model, signature.tags, folder)
    names = _Names(split, fed)
    for name, (_, dtype, shape) in fed.items():
        graph.graph_def.node.append(_placeholder(type(graph.graph_def.node[0]), name, dtype, shape))
    for node in split.model:
        if not names.is_original(node):
            graph.graph_def.node.append(_copied(node, names))
    given = {f"given_{index}": tensor for index, tensor in enumerate(split.given)}
    _set_signatures(graph, signature, split, fed, {name: names.of(tensor) for name, tensor in given.items()})
    graph.meta_info_def.tags[:] = SERVE
    alone = type(model)(saved_model_schema_version=1, meta_graphs=[graph])
    (place / SAVED_MODEL_FILE).write_bytes(alone.SerializeToString(deterministic=True))
    for beside in ("variables", "assets"):
        if (folder / beside).is_dir():
            _link_or_copy((folder / beside).resolve(), place / beside)
    return given


def model_inputs(signature: Signature, split: Split) -> list[str]:
    """Returns the signature's inputs that the model takes itself."""
    taken = {one.node for node in split.model for one in node.inputs}
    return [name for name, spec in signature.inputs.items() if spec.tensor.partition(":")[0] in taken]


class _Names:
    """The names of tensors in the derived graph."""

    def __init__(self, split: Split, fed: Mapping[str, tuple[Tensor, DataType, Shape]]) -> None:
        self._fed = {tensor: f"{_PREFIX}{name}" for name, (tensor, _, _) in fed.items()}
        self._copied = {node.name for node in split.model if not self.is_original(node)}

    def is_original(self, node: Node) -> bool:
        """Returns whether the original graph has the node, and needs no copy."""
        return node.name == node.definition.name and not node.inputs

    def of(self, tensor: Tensor) -> str:
        if tensor in self._fed:
            return self._fed[tensor]
        name = f"{_PREFIX}{tensor.node}" if tensor.node in self._copied else tensor.node
        return f"{name}:{tensor.index}"


def _placeholder(node_type: Any, name: str, dtype: DataType, shape: Shape) -> Any:
    made = node_type(name=f"{_PREFIX}{name}", op="Placeholder")
    made.attr["dtype"].type = dtype
    for size in shape:
        made.attr["shape"].shape.dim.add(size=size)
    return made


def _copied(node: Node, names: _Names) -> Any:
    made = type(node.definition)()
    made.CopyFrom(node.definition)
    made.name = f"{_PREFIX}{node.name}"
    made.input[:] = [names.of(tensor) for tensor in node.inputs]
    made.attr.pop("_class", None)  # nodes beside which it is to be placed, by names that they do not have here
    return made


def _set_signatures(
    graph: Any,
    signature: Signature,
    split: Split,
    fed: Mapping[str, tuple[Tensor, DataType, Shape]],
    given: Mapping[str, str],
) -> None:
    init = protos.SignatureDef()
    has_init = INIT_SIGNATURE in graph.signature_def
    if has_init:
        init.CopyFrom(graph.signature_def[INIT_SIGNATURE])
    graph.signature_def.clear()
    if has_init:
        graph.signature_def[INIT_SIGNATURE].CopyFrom(init)
    made = graph.signature_def[DEFAULT_SIGNATURE]
    made.method_name = signature.method_name
    for name in model_inputs(signature, split):
        made.inputs[name].CopyFrom(signature.definition.inputs[name])
    for name, (_, dtype, shape) in fed.items():
        made.inputs[name].name = f"{_PREFIX}{name}:0"
        made.inputs[name].dtype = dtype
        for size in shape:
            made.inputs[name].tensor_shape.dim.add(size=size)
    by_tensor = {tensor: name for name, tensor in split.outputs.items()}
    for (name, tensor_name), tensor in zip(given.items(), split.given, strict=True):
        if tensor in by_tensor:
            made.outputs[name].CopyFrom(signature.definition.outputs[by_tensor[tensor]])
        else:
            made.outputs[name].dtype = _taken_type(split, tensor)
            made.outputs[name].tensor_shape.unknown_rank = True
        made.outputs[name].name = tensor_name


def _taken_type(split: Split, tensor: Tensor) -> int:
    """Returns the type of a tensor that the last part takes, which the node that takes it declares."""
    for node in split.last:
        if tensor in node.inputs:
            for attribute in ("Tin", "SrcT", "T", "Tidx"):
                if node.definition.attr[attribute].type:
                    return int(node.definition.attr[attribute].type)
    return int(DataType.DT_INT64)


def _link_or_copy(folder: Path, name: Path) -> None:
    """Makes a link to a folder, or a copy of it where this user may make no links, as on Windows."""
    try:
        name.symlink_to(folder, target_is_directory=True)
    except (OSError, NotImplementedError):
        shutil.copytree(folder, name)
