"""Reads TFRecord files, TensorFlow's format for a sequence of records: length, data, and a checksum of each."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import google_crc32c

from lightship.errors import DataLoss

_HEADER = struct.Struct("<QI")  # the data's length, and its checksum
_FOOTER = struct.Struct("<I")  # the data's checksum


def read_records(path: Path) -> Iterator[bytes]:
    """Yields the records of an uncompressed file.

    Like TensorFlow, ignores an incomplete header at the end. Raises DataLoss, with TensorFlow's messages, if a checksum
    is wrong or a record is truncated, and OSError if the file cannot be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        while (record := _read_record(file, size)) is not None:
            yield record


def _read_record(file: BinaryIO, size: int) -> bytes | None:
    offset = file.tell()
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    length, checksum = _HEADER.unpack(header)
    if _masked(header[:8]) != checksum:
        raise DataLoss(f"corrupted record at {offset}{' (Is this even a TFRecord file?)' if offset == 0 else ''}")
    if length > size - offset - _HEADER.size - _FOOTER.size:  # do not allocate more than the file contains
        raise DataLoss(f"truncated record at {offset}' failed with Read less bytes than requested")
    data = file.read(length)
    if _masked(data) != _FOOTER.unpack(file.read(_FOOTER.size))[0]:
        raise DataLoss(f"corrupted record at {offset + _HEADER.size}")
    return data


def _masked(data: bytes) -> int:
    """Returns the masked CRC-32C of the format. The mask is needed because data may itself contain checksums."""
    checksum: int = google_crc32c.value(data)
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF
