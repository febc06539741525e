"""Checks the variables of a SavedModel, `variables.index` and `variables.data-*`, against the checksums in the index.

TensorFlow checks a tensor when it restores it. OpenVINO does not, and would answer with damaged weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from google.protobuf.message import DecodeError

from lightship.errors import DataLoss, NotFound
from lightship.pauses import PAUSES
from lightship.protos import BundleEntryProto, BundleHeaderProto
from lightship.saved_model.checksums import crc32c, masked
from lightship.saved_model.sorted_table import read_table
from lightship.saved_model.varints import read_varint
from lightship.saved_model.version_files import open_file, read_file
from lightship.tensors.dtypes import DataType

VARIABLES = "variables/variables"
MAX_INDEX_BYTES = 256 << 20
_PIECE = 1 << 20
_MAX_SHARDS = 99_999
_REFERENCE = 100  # the types of references to variables are larger by this number
_LARGEST_SHORT_LENGTH = 0xFFFFFFFF
_REMEDY = "copy the complete version again, or export it again"

# The sizes of elements in bytes. Types with less than a byte have one.
_SIZES = {
    8: "DOUBLE INT64 COMPLEX64 UINT64",
    4: "FLOAT INT32 QINT32 UINT32",
    2: "INT16 UINT16 QINT16 QUINT16 HALF BFLOAT16",
    16: "COMPLEX128",
    1: "INT8 UINT8 BOOL QINT8 QUINT8 INT4 UINT4 INT2 UINT2 FLOAT4_E2M1FN FLOAT8_E5M2 FLOAT8_E4M3FN FLOAT8_E4M3FNUZ "
    "FLOAT8_E4M3B11FNUZ FLOAT8_E5M2FNUZ",
}
_SIZE_OF = {int(DataType[f"DT_{name}"]): size for size, names in _SIZES.items() for name in names.split()}


class _Entry(NamedTuple):
    """Where the bytes of one tensor are."""

    name: str
    shard: int
    offset: int
    size: int
    dtype: int
    elements: int
    checksum: int


def check_variables(folder: Path) -> None:
    """Compares every tensor of a version folder with its checksum. A model without variables is accepted.

    Raises DataLoss if the index, a tensor or its size differs from what was written, or if a file is missing, and
    PermissionDenied if a file may not be read.
    """
    index = folder / f"{VARIABLES}.index"
    try:
        data = read_file(index, MAX_INDEX_BYTES)
    except NotFound:
        return
    try:
        shards, entries = _read_index(data)
    except (DataLoss, DecodeError) as error:
        raise DataLoss(f"{index} is damaged: {error}; {_REMEDY}") from error
    for shard in range(shards):
        ours = [entry for entry in entries if entry.shard == shard]
        _check_shard(data_file(folder, shard, shards), ours)


def data_file(folder: Path, shard: int, shards: int) -> Path:
    """Returns the path of one of the data files of a version folder."""
    return folder / f"{VARIABLES}.data-{shard:05d}-of-{shards:05d}"


def _read_index(data: bytes) -> tuple[int, list[_Entry]]:
    """Returns the number of data files and the tensors, in the order of their bytes."""
    table = read_table(data)
    shards = read_header(table)
    found = ((key, BundleEntryProto.FromString(value)) for key, value in table)
    entries = [_entry(key, entry) for key, entry in found if not entry.slices]
    for entry in entries:
        if not 0 <= entry.shard < shards or entry.offset < 0 or entry.size < 0 or entry.elements < 0:
            raise DataLoss(f"the place of the tensor {entry.name} is none: {tuple(entry)}")
    return shards, sorted(entries, key=lambda entry: (entry.shard, entry.offset))


def read_header(table: Iterator[tuple[bytes, bytes]]) -> int:
    """Reads the first entry of an index, and returns the number of data files. Raises DataLoss if it is broken."""
    key, value = next(table, (None, b""))
    if key != b"":
        raise DataLoss("it does not begin with its header")
    header = BundleHeaderProto.FromString(value)
    if not 0 <= header.num_shards <= _MAX_SHARDS:
        raise DataLoss(f"it claims to have {header.num_shards} data files")
    return int(header.num_shards)


def _entry(key: bytes, entry: Any) -> _Entry:
    return _Entry(
        name=key.decode(errors="backslashreplace"),
        shard=entry.shard_id,
        offset=entry.offset,
        size=entry.size,
        dtype=entry.dtype - _REFERENCE if entry.dtype > _REFERENCE else entry.dtype,
        elements=math.prod(dim.size for dim in entry.shape.dim),
        checksum=entry.crc32c,
    )


def _check_shard(path: Path, entries: list[_Entry]) -> None:
    with ExitStack() as stack:
        try:
            file = stack.enter_context(open_file(path))
        except NotFound as error:
            raise DataLoss(f"{path} is missing: {_REMEDY}") from error
        end = file.seek(0, 2)
        for entry in entries:
            if entry.offset + entry.size > end:
                raise DataLoss(
                    f"{path} has {end} bytes, but the tensor {entry.name} should end at {entry.offset + entry.size}: "
                    f"it was truncated; {_REMEDY}"
                )
        wait = stack.enter_context(PAUSES.between_pieces())
        for entry in entries:
            problem = _problem(file, entry, wait)
            if problem:
                raise DataLoss(f"{path}: the tensor {entry.name} is damaged: {problem}; {_REMEDY}")


def _problem(file: BinaryIO, entry: _Entry, wait: Callable[[], None]) -> str:
    """Returns what is wrong with the bytes of a tensor, or an empty text. Calls `wait` before it reads a piece."""
    file.seek(entry.offset)
    if entry.dtype in (DataType.DT_STRING, DataType.DT_VARIANT):
        if entry.elements > entry.size:
            return f"its {entry.elements} texts cannot be in {entry.size} bytes"
        data = file.read(entry.size)
        try:
            checksum = _of_texts(data, entry) if entry.dtype == DataType.DT_STRING else _of_variants(data, entry)
        except DataLoss as error:
            return error.message
    else:
        wanted = entry.elements * _SIZE_OF[entry.dtype] if entry.dtype in _SIZE_OF else entry.size
        if wanted != entry.size:
            return f"it has {entry.size} bytes, but its shape needs {wanted}"
        checksum = crc32c(_pieces(file, entry.size, wait))
    return "" if masked(checksum) == entry.checksum else "its checksum does not match"


def _pieces(file: BinaryIO, size: int, wait: Callable[[], None]) -> Iterator[bytes]:
    while size > 0:
        wait()
        piece = file.read(min(size, _PIECE))
        if not piece:
            break
        size -= len(piece)
        yield piece


def _of_texts(data: bytes, entry: _Entry) -> int:
    """Returns the checksum of an array of strings.

    The data holds the lengths as integers of variable length, a checksum of the lengths, and the strings. The checksum
    covers the lengths as four bytes each (eight if that is too short), the checksum of the lengths, and the strings.
    """
    lengths, place = _lengths(data, entry.elements)
    of_lengths = crc32c(_fixed(lengths))
    if masked(of_lengths).to_bytes(4, "little") != data[place : place + 4]:
        raise DataLoss("the checksum of its lengths does not match")
    if sum(lengths.tolist()) != len(data) - place - 4:
        raise DataLoss(f"its lengths do not add up to its {entry.size} bytes")
    return crc32c([data[place:]], of_lengths)


def _lengths(data: bytes, count: int) -> tuple[np.ndarray[Any, np.dtype[np.uint64]], int]:
    """Reads `count` integers of variable length, all at once: a vocabulary has millions. Returns the place after."""
    whole = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(whole < 0x80)[:count]
    if len(ends) < count:
        raise DataLoss("its lengths are cut off")
    starts = np.concatenate(([0], ends[:-1] + 1))[:count]
    widths = ends - starts + 1
    lengths = np.zeros(count, np.uint64)
    for byte in range(int(widths.max(initial=0))):
        if byte > 9:
            raise DataLoss("a length is too long")
        longer = widths > byte
        part = (whole[starts[longer] + byte] & 0x7F).astype(np.uint64)
        lengths[longer] |= part << np.uint64(7 * byte)
    return lengths, int(ends[-1]) + 1 if count else 0


def _fixed(lengths: np.ndarray[Any, np.dtype[np.uint64]]) -> Iterator[bytes]:
    if not (lengths > _LARGEST_SHORT_LENGTH).any():
        yield lengths.astype("<u4").tobytes()
        return
    for length in lengths.tolist():
        yield length.to_bytes(4 if length <= _LARGEST_SHORT_LENGTH else 8, "little")


def _of_variants(data: bytes, entry: _Entry) -> int:
    """Returns the checksum of an array of variants: for each its length, its bytes and the checksum so far."""
    checksum, place = 0, 0
    for _ in range(entry.elements):
        length, place = read_varint(data, place)
        checksum = crc32c([length.to_bytes(8, "little"), data[place : place + length]], checksum)
        place += length
        stored = data[place : place + 4]
        if masked(checksum).to_bytes(4, "little") != stored:
            raise DataLoss("the checksum of a variant does not match")
        checksum, place = crc32c([stored], checksum), place + 4
    if place != len(data):
        raise DataLoss(f"its variants do not add up to its {entry.size} bytes")
    return checksum
