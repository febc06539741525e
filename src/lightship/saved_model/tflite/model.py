"""The graphs of `model.tflite`: tensors, operators and signatures, without the weights.

The schema is https://github.com/google-ai-edge/LiteRT/blob/main/tflite/converter/schema/schema.fbs. Fields have the
numbers of their positions in its tables.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from lightship.errors import DataLoss
from lightship.saved_model.tflite.flatbuffer import BrokenFlatbuffer, Table
from lightship.saved_model.tflite.operations import operation_name
from lightship.saved_model.version_files import read_file
from lightship.saved_model.versions import TFLITE_FILE
from lightship.tensors.dtypes import DataType

MAX_TFLITE_BYTES = 2**31 - 1  # the most that offsets of a flatbuffer reach
_IDENTIFIER = b"TFL3"  # at byte 4
_INT32 = 2  # the number of this type
_MAX_NUMBERS = 16
_WITH_OPTIONS = frozenset({"CALL_ONCE", "IF", "WHILE", "STRIDED_SLICE", "AVERAGE_POOL_2D", "L2_POOL_2D", "MAX_POOL_2D"})

_DTYPES = (
    DataType.DT_FLOAT,
    DataType.DT_HALF,
    DataType.DT_INT32,
    DataType.DT_UINT8,
    DataType.DT_INT64,
    DataType.DT_STRING,
    DataType.DT_BOOL,
    DataType.DT_INT16,
    DataType.DT_COMPLEX64,
    DataType.DT_INT8,
    DataType.DT_DOUBLE,
    DataType.DT_COMPLEX128,
    DataType.DT_UINT64,
    DataType.DT_RESOURCE,
    DataType.DT_VARIANT,
    DataType.DT_UINT32,
    DataType.DT_UINT16,
    DataType.DT_INT4,
    DataType.DT_BFLOAT16,
    DataType.DT_INT2,
    DataType.DT_UINT4,
    DataType.DT_FLOAT8_E4M3FN,
    DataType.DT_FLOAT8_E5M2,
)


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a graph."""

    name: str
    # DT_INVALID for a type of a newer LiteRT.
    dtype: DataType
    # -1 is a free dimension; None is an unknown rank.
    shape: tuple[int, ...] | None
    # Whether its value is in the file.
    constant: bool
    # Whether an operation keeps it from one run to the next.
    variable: bool
    # Its numbers, if it is a constant with a few of 32 bits.
    numbers: tuple[int, ...] | None = None


class SliceMasks(NamedTuple):
    """What STRIDED_SLICE does with each of its numbers, as bits. The fields are in the order of the schema."""

    # The number is not looked at: the slice begins, or ends, where the dimension does.
    begin: int
    end: int
    # It stands for all dimensions that no other number is for.
    ellipsis: int
    # It is for a new dimension of 1.
    new_axis: int
    # It is for a single element.
    picked: int


@dataclass(frozen=True, slots=True)
class Operator:
    """One operation of a graph, with the indices of its tensors there; -1 is an input that is left out."""

    # Such as "CONV_2D"; for a custom operation, its own name.
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    # The graph that CALL_ONCE runs, once; -1 for any other operation.
    once: int = -1
    custom: bool = False
    # The graphs that IF and WHILE run.
    calls: tuple[int, ...] = ()
    # The height and width of a pooling's window, if the image is not padded to hold it.
    window: tuple[int, int] | None = None
    masks: SliceMasks | None = None


@dataclass(frozen=True, slots=True)
class Subgraph:
    """One graph of a file: that of a signature, or the body of a loop, for example."""

    tensors: tuple[Tensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: tuple[Operator, ...]


@dataclass(frozen=True, slots=True)
class TfliteSignature:
    """A signature: the graph that it runs, and the indices of its tensors there, by their names in the signature."""

    subgraph: int
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TfliteModel:
    """What is in a file, but for the weights."""

    subgraphs: tuple[Subgraph, ...]
    # By name. Empty if the file was written without signatures.
    signatures: Mapping[str, TfliteSignature]


def tflite_bytes(folder: Path) -> bytes:
    """Returns the content of `model.tflite` in a version folder.

    Raises NotFound if it is not there, ResourceExhausted beyond `MAX_TFLITE_BYTES`, and the errors of `read_file`.
    """
    return read_file(folder / TFLITE_FILE, MAX_TFLITE_BYTES)


def parse_tflite(data: bytes, folder: Path) -> TfliteModel:
    """Reads the bytes of `model.tflite` in a version folder. Raises DataLoss if they are truncated or damaged."""
    try:
        if data[4:8] != _IDENTIFIER:
            raise BrokenFlatbuffer(f"it does not begin as such a file: {_IDENTIFIER.decode()} is not at byte 4")
        root = Table.root(data)
        buffers = root.tables(4)
        codes = [_operation(code) for code in root.tables(1)]
        subgraphs = tuple(_subgraph(graph, codes, buffers) for graph in root.tables(2))
        if not subgraphs:
            raise BrokenFlatbuffer("it has no graph")
        return TfliteModel(subgraphs, dict(_signature(table, subgraphs) for table in root.tables(7)))
    except BrokenFlatbuffer as broken:
        raise DataLoss(
            f"{TFLITE_FILE} in {folder} is truncated or not a LiteRT model: {broken}; copy it again"
        ) from broken


def _has_data(buffer: Table) -> bool:
    # Large files have the data behind the flatbuffer, at an offset (1) that is larger than 1.
    return buffer.length(0) > 0 or buffer.number(1, "Q") > 1


def _numbers(buffer: Table) -> tuple[int, ...] | None:
    """Returns the numbers of 32 bits that a buffer holds, or None if they are many."""
    data = buffer.numbers(0, "B") if buffer.length(0) <= 4 * _MAX_NUMBERS else None
    return None if not data or len(data) % 4 else struct.unpack(f"<{len(data) // 4}i", bytes(data))


def _operation(code: Table) -> tuple[str, bool]:
    """Returns the name of an operation, and whether it is a custom one."""
    number = max(code.number(0, "b"), code.number(3))  # older files have the number in a byte
    name = operation_name(number)
    return (code.text(1) or name, True) if name == "CUSTOM" else (name, False)


def _subgraph(table: Table, codes: Sequence[tuple[str, bool]], buffers: Sequence[Table]) -> Subgraph:
    tensors = tuple(_tensor(tensor, buffers) for tensor in table.tables(0))
    inputs, outputs = table.numbers(1) or (), table.numbers(2) or ()
    _check("graph", len(tensors), *inputs, *outputs)
    return Subgraph(tensors, inputs, outputs, tuple(_operator(one, codes, len(tensors)) for one in table.tables(3)))


def _tensor(table: Table, buffers: Sequence[Table]) -> Tensor:
    buffer, number = table.number(2, "I"), table.number(1, "b")
    constant = buffer < len(buffers) and _has_data(buffers[buffer])
    return Tensor(
        table.text(3),
        _DTYPES[number] if 0 <= number < len(_DTYPES) else DataType.DT_INVALID,
        _shape(table),
        constant,
        bool(table.number(5, "b")),
        _numbers(buffers[buffer]) if constant and number == _INT32 else None,
    )


def _shape(table: Table) -> tuple[int, ...] | None:
    """Returns the declared shape. A scalar of an old file cannot be told from a tensor of unknown rank."""
    shape = table.numbers(7) or table.numbers(0) or ()
    if any(size < -1 for size in shape):
        raise BrokenFlatbuffer(f"a tensor has the shape {list(shape)}")
    return shape if shape or table.number(8, "b") else None


def _operator(table: Table, codes: Sequence[tuple[str, bool]], tensors: int) -> Operator:
    code = table.number(0, "I")
    if code >= len(codes):
        raise BrokenFlatbuffer(f"an operator has the code {code}, but there are {len(codes)}")
    inputs, outputs = table.numbers(1) or (), table.numbers(2) or ()
    _check("operator", tensors, *(index for index in (*inputs, *outputs) if index != -1))
    name, custom = codes[code]
    options = table.table(4) if name in _WITH_OPTIONS else None
    return Operator(name, inputs, outputs, custom=custom, **({} if options is None else _options(name, options)))


def _options(name: str, options: Table) -> dict[str, Any]:
    """Returns what `Operator` has of the options of an operation in `_WITH_OPTIONS`."""
    if name == "CALL_ONCE":
        return {"once": options.number(0)}
    if name in ("IF", "WHILE"):
        return {"calls": (options.number(0), options.number(1))}
    if name == "STRIDED_SLICE":
        return {"masks": SliceMasks(*(options.number(field) for field in range(5)))}
    valid = options.number(0, "b") == 1
    return {"window": (options.number(4), options.number(3))} if valid else {}


def _signature(table: Table, subgraphs: Sequence[Subgraph]) -> tuple[str, TfliteSignature]:
    name, subgraph = table.text(2), table.number(4, "I")
    if subgraph >= len(subgraphs):
        raise BrokenFlatbuffer(f'the signature "{name}" has graph {subgraph}, but there are {len(subgraphs)}')
    graph = subgraphs[subgraph]
    inputs, outputs = (_named(name, table.tables(field), len(graph.tensors)) for field in (0, 1))
    if not set(inputs.values()) <= set(graph.inputs):
        raise BrokenFlatbuffer(f'an input of the signature "{name}" is not an input of its graph')
    return name, TfliteSignature(subgraph, inputs, outputs)


def _named(signature: str, entries: Sequence[Table], tensors: int) -> dict[str, int]:
    found = {entry.text(0): entry.number(1, "I") for entry in entries}
    _check(f'signature "{signature}"', tensors, *found.values())
    if len(found) < len(entries):
        raise BrokenFlatbuffer(f'the signature "{signature}" names an input or output twice')
    return found


def _check(place: str, tensors: int, *indices: int) -> None:
    for index in indices:
        if not 0 <= index < tensors:
            raise BrokenFlatbuffer(f"a {place} refers to tensor {index}, but there are {tensors}")
