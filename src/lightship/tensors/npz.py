"""Reads and writes numpy's .npz files in the form of `np.savez`: several named .npy files in one ZIP archive.

Compressed archives are refused, so that arrays cannot be larger than the body. An array is a view of the body if its
position fits the alignment of its dtype.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from typing import Any, NamedTuple

from numpy.typing import NDArray

from lightship.errors import InvalidArgument
from lightship.memory_budget import NOT_COUNTED, Reservation
from lightship.tensors.npy import read_npy, write_npy

Arrays = dict[str, NDArray[Any]]

# The header of a file in a ZIP archive: signature, version, flags, method, time, date, CRC, packed size, size, length
# of the name, length of the extra field (APPNOTE.TXT, 4.3.7).
_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_SIGNATURE = b"PK\x03\x04"
_STORED = 0
_ENCRYPTED, _SIZE_FOLLOWS = 1 << 0, 1 << 3
_IN_ZIP64 = 0xFFFFFFFF


class _Member(NamedTuple):
    name: str
    start: int
    end: int


def read_npz(body: bytes, limit: int, memory: Reservation = NOT_COUNTED) -> Arrays:
    """Returns the arrays by name, in the order of the file.

    limit: the largest number of arrays. memory: counts copies. Raises its errors, and InvalidArgument if it is not such
    an archive, contains more arrays, or contains the same name twice.
    """
    data = memoryview(body)
    if not body.startswith(_SIGNATURE):
        begins = f"it begins with {body[:8]!r}" if body else "it is empty"
        raise InvalidArgument(f"this is not a .npz file: {begins}; write it with numpy.savez")
    arrays: Arrays = {}
    position = 0
    while body.startswith(_SIGNATURE, position):
        member = _member(data, position)
        if member.name in arrays:
            raise InvalidArgument(f'the .npz file contains "{member.name}" twice: send each input once')
        if len(arrays) == limit:
            raise InvalidArgument(f"the .npz file contains more arrays than there are inputs: send at most {limit}")
        arrays[member.name] = _array(member, data, memory)
        position = member.end
    return arrays


def write_npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), write_npy(array))
    return file.getvalue()


def _member(data: memoryview, position: int) -> _Member:
    if len(data) < position + _LOCAL.size:
        raise _ends_early()
    _, _, flags, method, *_, packed, size, name_length, extra_length = _LOCAL.unpack_from(data, position)
    if method != _STORED or flags & (_ENCRYPTED | _SIZE_FOLLOWS):
        raise InvalidArgument(
            "the .npz file is compressed, encrypted or streamed: write it uncompressed, with numpy.savez"
        )
    start = position + _LOCAL.size
    name = bytes(data[start : start + name_length]).decode("utf-8", "replace")
    extra = data[start + name_length : start + name_length + extra_length]
    start += name_length + extra_length
    length = _zip64_size(extra) if _IN_ZIP64 in (size, packed) else size
    if start + length > len(data):
        raise _ends_early()
    return _Member(name.removesuffix(".npy"), start, start + length)


def _zip64_size(extra: memoryview) -> int:
    """Returns the 64-bit size, the first number in the extra field 1."""
    while len(extra) >= 4:
        number, length = struct.unpack_from("<HH", extra)
        if number == 1 and length >= 8 and len(extra) >= 12:
            return int(struct.unpack_from("<Q", extra, 4)[0])
        extra = extra[4 + length :]
    raise _ends_early()


def _array(member: _Member, data: memoryview, memory: Reservation) -> NDArray[Any]:
    try:
        return read_npy(data[member.start : member.end], memory)
    except InvalidArgument as error:
        raise type(error)(f'"{member.name}" in the .npz file: {error.message}') from error


def _ends_early() -> InvalidArgument:
    return InvalidArgument("the .npz file is truncated: send the complete file")
