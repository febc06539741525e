"""Reads and writes numpy's .npy files, formats 1.0 to 3.0. Never loads a pickle or evaluates the header."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.errors import InvalidArgument
from lightship.memory_budget import NOT_COUNTED, Reservation
from lightship.tensors.raw import view

Array = NDArray[Any]

_MAGIC = b"\x93NUMPY"
_LENGTH_BYTES = {b"\x01\x00": 2, b"\x02\x00": 4, b"\x03\x00": 4}  # of the header's length, by the format's number
_MAX_HEADER_BYTES = 10_000
_DESCR = re.compile(r"[<>|=]?[biufc]\d{1,2}")
_ENTRY = re.compile(
    r"""(?P<quote>['"])(?P<key>descr|fortran_order|shape)(?P=quote):"""
    r"""(?:(?P<mark>['"])(?P<text>[^'"]{0,50})(?P=mark)|(?P<bool>True|False)|\((?P<shape>[\dL,]*)\))""",
    re.ASCII,
)


def read_npy(data: memoryview, memory: Reservation = NOT_COUNTED) -> Array:
    """Returns the array of a .npy file, as a view of `data` if byte order and alignment are this machine's.

    memory: counts a copy. Raises its errors, and InvalidArgument if it is not a .npy file, if it contains objects,
    strings or records, or if its size differs from the size in the header.
    """
    header, rest = _split(data)
    entries = _entries(header)
    if set(entries) != {"descr", "fortran_order", "shape"}:
        raise InvalidArgument(
            f"the .npy header has {sorted(entries)}; a header must have descr, fortran_order and shape"
        )
    dtype = _dtype(entries["descr"]["text"], header)
    shape = entries["shape"]["shape"]
    order = entries["fortran_order"]["bool"]
    if shape is None or order is None:
        raise _unreadable(header)
    return view(rest, dtype, _shape(shape, header), fortran=order == "True", memory=memory)


def write_npy(array: Array) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array, order="C"), allow_pickle=False)
    return file.getvalue()


def _split(data: memoryview) -> tuple[str, memoryview]:
    """Returns the text of the header and the bytes of the array."""
    start = bytes(data[:8])
    if not start.startswith(_MAGIC):
        begins = f"it begins with {start!r}" if start else "it is empty"
        raise InvalidArgument(f"this is not a .npy file: {begins}; write it with numpy.save")
    count = _LENGTH_BYTES.get(start[6:])
    if count is None:
        version = ".".join(map(str, start[6:8]))
        raise InvalidArgument(f"the .npy file has format {version}; send format 1.0, 2.0 or 3.0")
    length = int.from_bytes(data[8 : 8 + count], "little")
    end = 8 + count + length
    if length > _MAX_HEADER_BYTES or end > len(data):
        raise InvalidArgument(
            f"the .npy file declares a header of {length} bytes, but only {max(0, len(data) - 8 - count)} bytes follow "
            f"and at most {_MAX_HEADER_BYTES} are allowed: send the complete file"
        )
    return bytes(data[8 + count : end]).decode("latin-1"), data[end:]


def _entries(header: str) -> dict[str, re.Match[str]]:
    """Returns the members of the header by name. The header is a Python dict in the form that numpy writes."""
    text = "".join(header.split())
    if not (text.startswith("{") and text.endswith("}")):
        raise _unreadable(header)
    entries: dict[str, re.Match[str]] = {}
    position, end = 1, len(text) - 1
    while position < end:
        match = _ENTRY.match(text, position, end)
        if match is None or match["key"] in entries:
            raise _unreadable(header)
        entries[match["key"]] = match
        position = match.end()
        if position < end and text[position] != ",":
            raise _unreadable(header)
        position += 1
    return entries


def _dtype(descr: str | None, header: str) -> np.dtype[Any]:
    if descr is None:
        raise _unreadable(header)
    if not _DESCR.fullmatch(descr):
        raise InvalidArgument(
            f"the .npy file contains elements of type {descr!r}; only numbers and booleans can be sent, not objects, "
            "strings or records (send bfloat16 as application/octet-stream)"
        )
    try:
        return np.dtype(descr)
    except TypeError:
        raise InvalidArgument(
            f"the .npy file contains elements of type {descr!r}, which numpy does not have: write it with numpy.save"
        ) from None


def _shape(text: str, header: str) -> tuple[int, ...]:
    sizes = [size.removesuffix("L") for size in text.split(",")]
    if sizes[-1] == "":
        sizes.pop()
    if not all(size.isdigit() and len(size) < 20 for size in sizes):
        raise _unreadable(header)
    return tuple(map(int, sizes))


def _unreadable(header: str) -> InvalidArgument:
    return InvalidArgument(f"the .npy header cannot be read: {header.strip()[:200]!r}; write the file with numpy.save")
