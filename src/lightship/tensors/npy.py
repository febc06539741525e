"""numpy's .npy files, format 1.0 to 3.0: read as views, written whole. Never a pickle, and nothing is evaluated."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.errors import InvalidArgument
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


def read_npy(data: memoryview) -> Array:
    """The array that a .npy file holds; a view of it where its byte order is this machine's.

    Raises InvalidArgument for what is no such file, for objects, texts and records in it, and where its size is not
    what its header says.
    """
    header, rest = _split(data)
    entries = _entries(header)
    if set(entries) != {"descr", "fortran_order", "shape"}:
        raise InvalidArgument(f"the .npy header has {sorted(entries)}; it must have descr, fortran_order and shape")
    dtype = _dtype(entries["descr"]["text"], header)
    shape = entries["shape"]["shape"]
    order = entries["fortran_order"]["bool"]
    if shape is None or order is None:
        raise _unreadable(header)
    return view(rest, dtype, _shape(shape, header), fortran=order == "True")


def write_npy(array: Array) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array, order="C"), allow_pickle=False)
    return file.getvalue()


def _split(data: memoryview) -> tuple[str, memoryview]:
    """The header's text and the array's bytes."""
    start = bytes(data[:8])
    if not start.startswith(_MAGIC):
        raise InvalidArgument(f"not a .npy file: it begins with {start!r}" if start else "not a .npy file: it is empty")
    count = _LENGTH_BYTES.get(start[6:])
    if count is None:
        raise InvalidArgument(f"a .npy file of format {'.'.join(map(str, start[6:8]))}; 1.0, 2.0 and 3.0 are read")
    length = int.from_bytes(data[8 : 8 + count], "little")
    end = 8 + count + length
    if length > _MAX_HEADER_BYTES or end > len(data):
        raise InvalidArgument(
            f"the .npy file says that its header has {length} bytes; it has {max(0, len(data) - 8 - count)} in all, "
            f"and a header has {_MAX_HEADER_BYTES} at most"
        )
    return bytes(data[8 + count : end]).decode("latin-1"), data[end:]


def _entries(header: str) -> dict[str, re.Match[str]]:
    """The members of the header, a Python dict as numpy writes it, by name."""
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
            f"the .npy file holds elements of type {descr!r}; numbers and booleans are read (no objects, texts or "
            "records; bfloat16 travels as application/octet-stream)"
        )
    try:
        return np.dtype(descr)
    except TypeError:
        raise InvalidArgument(f"the .npy file holds elements of type {descr!r}, which there is not") from None


def _shape(text: str, header: str) -> tuple[int, ...]:
    sizes = [size.removesuffix("L") for size in text.split(",")]
    if sizes[-1] == "":
        sizes.pop()
    if not all(size.isdigit() and len(size) < 20 for size in sizes):
        raise _unreadable(header)
    return tuple(map(int, sizes))


def _unreadable(header: str) -> InvalidArgument:
    return InvalidArgument(f"the .npy header cannot be read: {header.strip()[:200]!r}")
