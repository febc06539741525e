"""Reads TFRecord files, TensorFlow's format for a sequence of records: length, data, and a checksum of each."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from lightship.errors import DataLoss
from lightship.saved_model.checksums import crc32c, masked
from lightship.saved_model.version_files import open_file

MAX_RECORD_BYTES = 2**31 - 1  # the most that protobuf can read

_HEADER = struct.Struct("<QI")  # the data's length, and its checksum
_FOOTER = struct.Struct("<I")  # the data's checksum


def read_records(path: Path) -> Iterator[bytes]:
    """Yields the records of an uncompressed file.

    Like TensorFlow, ignores an incomplete header at the end. Raises DataLoss, with TensorFlow's messages, if a checksum
    is wrong or a record is truncated, and OSError if the file cannot be read.
    """
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        while (record := _read_record(file, size)) is not None:
            yield record


def _read_record(file: BinaryIO, size: int) -> bytes | None:
    offset = file.tell()
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    length, checksum = _HEADER.unpack(header)
    if masked(crc32c([header[:8]])) != checksum:
        raise DataLoss(f"corrupted record at {offset}{' (Is this even a TFRecord file?)' if offset == 0 else ''}")
    if length > size - offset - _HEADER.size - _FOOTER.size:  # do not allocate more than the file contains
        raise DataLoss(f"truncated record at {offset}' failed with Read less bytes than requested")
    if length > MAX_RECORD_BYTES:
        raise DataLoss(f"record at {offset} has {length} bytes, more than a message can have")
    data = file.read(length)
    if masked(crc32c([data])) != _FOOTER.unpack(file.read(_FOOTER.size))[0]:
        raise DataLoss(f"corrupted record at {offset + _HEADER.size}")
    return data
