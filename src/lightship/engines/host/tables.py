"""The contents of lookup tables, which a SavedModel fills when it is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lightship.engines.base import CannotRun
from lightship.engines.host.flat import Flat, Node, Tensor, flattened
from lightship.saved_model.reader import SavedModel
from lightship.saved_model.signatures import INIT_SIGNATURE
from lightship.saved_model.version_files import read_file
from lightship.tensors.dtypes import DataType
from lightship.tensors.tensor_proto import array_of

TABLES = frozenset({"HashTableV2"})
_IMPORTS = frozenset({"InitializeTableV2", "LookupTableImportV2"})
_MAX_FILE_BYTES = 1 << 30
_WHOLE_LINE, _LINE_NUMBER = -2, -1

Table = Mapping[Any, Any]


def tables_of(folder: Path, graph: Any, model: SavedModel) -> dict[str, Table]:
    """Returns the contents of each table of a graph that is filled while the model is loaded, by the table's name.

    Raises CannotRun for contents that cannot be read without TensorFlow.
    """
    found: dict[str, Table] = {}
    flat = _initializers(graph, model)
    for node in flat.nodes.values():
        if node.op in _IMPORTS or node.op == "InitializeTableFromTextFileV2":
            name = node.inputs[0].node
            if name in found:
                raise CannotRun(f"the table {name} is filled twice")
            found[name] = _imported(flat, node) if node.op in _IMPORTS else _of_file(folder, flat, node, model)
    return found


def _initializers(graph: Any, model: SavedModel) -> Flat:
    """Returns what runs when the model is loaded. In a graph of TensorFlow 1, these are all that fill tables."""
    init = model.signatures.get(INIT_SIGNATURE)
    if init is not None:
        return flattened(graph, [spec.tensor for spec in init.outputs.values()])[0]
    fills = [node.name for node in graph.node if node.op in _IMPORTS or node.op == "InitializeTableFromTextFileV2"]
    return flattened(graph, fills)[0]


def _imported(flat: Flat, node: Node) -> Table:
    keys, values = (_constant(flat, tensor).ravel().tolist() for tensor in node.inputs[1:3])
    return _without_repetition(zip(keys, values, strict=True))


def _constant(flat: Flat, tensor: Tensor) -> Any:
    node = _source(flat, tensor)
    if node.op != "Const":
        raise CannotRun(f"a lookup table is filled with what {node.op} computes")
    return array_of(node.definition.attr["value"].tensor)


def _source(flat: Flat, tensor: Tensor) -> Node:
    """Returns the node that gives a tensor, also by way of a variable that is assigned once."""
    node = flat.nodes[tensor.node]
    while node.op in ("Identity", "ReadVariableOp"):
        node = flat.nodes[node.inputs[0].node]
    if node.op == "VarHandleOp":
        assigned = [
            one for one in flat.nodes.values() if one.op == "AssignVariableOp" and one.inputs[0].node == node.name
        ]
        if len(assigned) == 1:
            return flat.nodes[assigned[0].inputs[1].node]
    return node


def _of_file(folder: Path, flat: Flat, node: Node, model: SavedModel) -> Table:
    """Reads a vocabulary file, with a token on each line."""
    attributes = node.definition.attr
    source = _source(flat, node.inputs[1])
    asset = model.assets.get(source.name)
    if asset is None:
        raise CannotRun(f"the table {node.inputs[0].node} is filled from a file that is not an asset of the model")
    table = flat.nodes[node.inputs[0].node].definition.attr
    key_type, value_type = DataType(table["key_dtype"].type), DataType(table["value_dtype"].type)
    columns = attributes["key_index"].i, attributes["value_index"].i
    kinds = {_WHOLE_LINE: DataType.DT_STRING, _LINE_NUMBER: DataType.DT_INT64}
    if [kinds.get(column) for column in columns] != [key_type, value_type] or columns[0] == columns[1]:
        raise CannotRun(f"a lookup table is filled with columns {columns[0]} and {columns[1]} of a file")
    size = attributes["vocab_size"].i if "vocab_size" in attributes else -1
    lines = _lines(read_file(folder / "assets" / asset, _MAX_FILE_BYTES), size)
    numbers = range(attributes["offset"].i, attributes["offset"].i + len(lines))
    pairs = zip(lines, numbers, strict=True) if columns[0] == _WHOLE_LINE else zip(numbers, lines, strict=True)
    return _without_repetition(pairs)


def _lines(data: bytes, size: int) -> Sequence[bytes]:
    lines = data.replace(b"\r", b"").split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    if not all(lines):
        raise CannotRun("a vocabulary file has an empty line")
    if size >= 0:
        if len(lines) < size:
            raise CannotRun(f"a vocabulary file has {len(lines)} lines instead of {size}")
        del lines[size:]
    return lines


def _without_repetition(pairs: Iterator[tuple[Any, Any]]) -> Table:
    found: dict[Any, Any] = {}
    for key, value in pairs:
        if found.setdefault(key, value) != value:
            raise CannotRun(f"a lookup table has two values for {key!r}")
    return found
