"""Shuffles the numbers of a SavedModel's variables in place, with checksums that fit, so that runtimes load them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from lightship.protos import BundleEntryProto
from lightship.saved_model.checksums import crc32c, masked
from lightship.saved_model.sorted_table import read_table, write_table
from lightship.saved_model.tensor_bundle import MAX_INDEX_BYTES, VARIABLES, data_file, read_header
from lightship.saved_model.version_files import read_file
from lightship.tensors.dtypes import DataType

_FLOATS: dict[int, np.dtype[Any]] = {
    DataType.DT_HALF: np.dtype(np.uint16),  # moved, never computed with, so that only the width matters
    DataType.DT_BFLOAT16: np.dtype(np.uint16),
    DataType.DT_FLOAT: np.dtype(np.uint32),
    DataType.DT_DOUBLE: np.dtype(np.uint64),
}


def has_variables(folder: Path) -> bool:
    """Whether a version has a file of variables."""
    return (folder / f"{VARIABLES}.index").exists()


def shuffle_variables(folder: Path, seed: int) -> int:
    """Shuffles the numbers within each variable of floating point, and returns how many variables there are.

    The files are changed where they are, so give a copy. Raises DataLoss if they are broken.
    """
    index = folder / f"{VARIABLES}.index"
    table = list(read_table(read_file(index, MAX_INDEX_BYTES)))
    shards = read_header(iter(table))
    random, changed, entries = np.random.default_rng(seed), 0, []
    for key, value in table:
        entry = BundleEntryProto.FromString(value) if key else None
        if entry is not None and not entry.slices and entry.dtype in _FLOATS and entry.size:
            with data_file(folder, entry.shard_id, shards).open("r+b") as file:
                entry.crc32c = _shuffle(file, entry, random)
            value, changed = entry.SerializeToString(), changed + 1
        entries.append((key, value))
    index.write_bytes(b"".join(write_table(entries)))
    return changed


def _shuffle(file: BinaryIO, entry: Any, random: np.random.Generator) -> int:
    """Shuffles one variable in its file, and returns its new checksum."""
    file.seek(entry.offset)
    numbers = np.frombuffer(bytearray(file.read(entry.size)), _FLOATS[entry.dtype])
    random.shuffle(numbers)
    file.seek(entry.offset)
    file.write(numbers.data)
    return masked(crc32c(_pieces(numbers)))


def _pieces(numbers: NDArray[Any]) -> Iterator[bytes]:
    yield numbers.tobytes()
