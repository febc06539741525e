"""Reads a sorted table of keys and values, the format of LevelDB's table files, in which `variables.index` is written.

Every block has a checksum, which is checked.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from lightship.errors import DataLoss
from lightship.saved_model.checksums import crc32c, masked
from lightship.saved_model.snappy import decompress
from lightship.saved_model.varints import read_varint
from lightship.tensors.varint import encode_varint

_MAGIC = 0xDB4775248B80FB57
_FOOTER = 48  # two block handles, padding and the magic number
_TRAILER = 5  # behind each block: one byte for its compression, four for its checksum
_MAX_BLOCK = 64 << 20
_UNCOMPRESSED, _SNAPPY = 0, 1


def read_table(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields the keys and values of a table in their order. Raises DataLoss if it is broken anywhere."""
    if len(data) < _FOOTER or int.from_bytes(data[-8:], "little") != _MAGIC:
        raise DataLoss("it is not a table of tensors: its end is missing or changed")
    footer, end = data[-_FOOTER:-8], len(data) - _FOOTER
    _, _, place = _handle(footer, 0)  # of the block that describes further blocks; it is always empty
    offset, size, _ = _handle(footer, place)
    for _, handle in _entries(_block(data, offset, size, end)):
        offset, size, _ = _handle(handle, 0)
        yield from _entries(_block(data, offset, size, end))


def _handle(data: bytes, place: int) -> tuple[int, int, int]:
    """Returns the offset and size of a block, and the place after them."""
    offset, place = read_varint(data, place)
    size, place = read_varint(data, place)
    return offset, size, place


def _block(data: bytes, offset: int, size: int, end: int) -> bytes:
    if offset + size + _TRAILER > end:
        raise DataLoss(f"a block of it should be at {offset} and have {size} bytes, which is outside of the file")
    stored = data[offset : offset + size + 1]
    (checksum,) = struct.unpack_from("<I", data, offset + size + 1)
    if masked(crc32c([stored])) != checksum:
        raise DataLoss(f"the checksum of its block at {offset} does not match")
    content, compression = stored[:-1], stored[-1]
    if compression == _SNAPPY:
        return decompress(content, _MAX_BLOCK)
    if compression != _UNCOMPRESSED:
        raise DataLoss(f"its block at {offset} has the unknown compression {compression}")
    return content


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields the entries of a block. A key holds only what differs from the end of the key before it."""
    end = len(block) - 4 * (int.from_bytes(block[-4:], "little") + 1)
    if end < 0:
        raise DataLoss("a block of it is too short")
    place, key = 0, b""
    while place < end:
        shared, place = read_varint(block, place)
        added, place = read_varint(block, place)
        size, place = read_varint(block, place)
        if shared > len(key) or place + added + size > end:
            raise DataLoss("an entry of a block is longer than the block")
        key = key[:shared] + block[place : place + added]
        place += added
        yield key, block[place : place + size]
        place += size


def write_table(entries: Sequence[tuple[bytes, bytes]]) -> Iterator[bytes]:
    """Yields the pieces of a table with these keys, which are sorted, and their values: one block, uncompressed."""
    blocks = [_encode_block(entries)]
    places = [(0, len(blocks[0]))]
    for further in ([], [(entries[-1][0], _encode_handle(*places[0]))]):  # of further blocks, and of the data
        start, size = places[-1]
        blocks.append(_encode_block(further))
        places.append((start + size + _TRAILER, len(blocks[-1])))
    for block in blocks:
        stored = block + bytes([_UNCOMPRESSED])
        yield stored + struct.pack("<I", masked(crc32c([stored])))
    handles = b"".join(_encode_handle(*place) for place in places[1:])
    yield handles.ljust(_FOOTER - 8, b"\0") + _MAGIC.to_bytes(8, "little")


def _encode_block(entries: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Writes each key whole; the numbers at the end say where one may begin to read."""
    content, starts = bytearray(), []
    for key, value in entries:
        starts.append(len(content))
        content += encode_varint(0) + encode_varint(len(key)) + encode_varint(len(value)) + key + value
    starts = starts or [0]
    return bytes(content) + struct.pack(f"<{len(starts) + 1}I", *starts, len(starts))


def _encode_handle(offset: int, size: int) -> bytes:
    return encode_varint(offset) + encode_varint(size)
