"""Reads flatbuffers that nobody vouches for. Every offset is checked, and the work is bounded.

The format is described at https://flatbuffers.dev/internals/. A table begins with the distance to its vtable, which has
the place of each field, or 0 where the field has its default. Offsets to tables, texts and vectors are relative.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

# A file may name the same table again and again, so its size does not bound the work.
MAX_ELEMENTS = 4_000_000


class BrokenFlatbuffer(Exception):
    """The bytes are not a flatbuffer of the expected kind."""


@dataclass(slots=True)
class _Buffer:
    data: bytes
    left: int = MAX_ELEMENTS

    def read(self, kind: str, position: int) -> int:
        """Returns a little-endian number. `kind` is a format character of the module struct."""
        form = "<" + kind
        if not 0 <= position <= len(self.data) - struct.calcsize(form):
            raise BrokenFlatbuffer(f"it refers to byte {position:,}, but has {len(self.data):,}")
        number: int = struct.unpack_from(form, self.data, position)[0]
        return number

    def numbers(self, kind: str, position: int, count: int) -> tuple[int, ...]:
        size = struct.calcsize("<" + kind)
        if count < 0 or not 0 <= position <= len(self.data) - count * size:
            raise BrokenFlatbuffer(
                f"a list of {count:,} numbers at byte {position:,} goes beyond its {len(self.data):,} bytes"
            )
        self.spend(count)
        return struct.unpack_from(f"<{count}{kind}", self.data, position)

    def spend(self, elements: int) -> None:
        self.left -= elements
        if self.left < 0:
            raise BrokenFlatbuffer(f"it has more than {MAX_ELEMENTS:,} elements")


class Table:
    """One table. Fields have the numbers of their order in the schema, from 0."""

    __slots__ = ("_buffer", "_fields", "_position")

    def __init__(self, buffer: _Buffer, position: int) -> None:
        buffer.spend(1)
        self._buffer, self._position = buffer, position
        vtable = position - buffer.read("i", position)
        size = buffer.read("H", vtable)
        if size < 4:
            raise BrokenFlatbuffer(f"a table at byte {position:,} has no list of fields")
        self._fields = buffer.numbers("H", vtable + 4, (size - 4) // 2)

    @classmethod
    def root(cls, data: bytes) -> Table:
        """Returns the first table. Raises BrokenFlatbuffer if there is none."""
        buffer = _Buffer(data)
        return cls(buffer, buffer.read("I", 0))

    def number(self, field: int, kind: str = "i", default: int = 0) -> int:
        """Returns a number. `kind` is a format character of the module struct."""
        place = self._place(field)
        return default if place is None else self._buffer.read(kind, place)

    def table(self, field: int) -> Table | None:
        """Returns the table that a field refers to, or None."""
        target = self._target(field)
        return None if target is None else Table(self._buffer, target)

    def tables(self, field: int) -> list[Table]:
        """Returns the tables of a vector; none if the field is not there."""
        target = self._target(field)
        if target is None:
            return []
        start = target + 4
        offsets = self._buffer.numbers("I", start, self._buffer.read("I", target))
        return [Table(self._buffer, start + 4 * index + offset) for index, offset in enumerate(offsets)]

    def numbers(self, field: int, kind: str = "i") -> tuple[int, ...] | None:
        """Returns the numbers of a vector, or None if the field is not there."""
        target = self._target(field)
        return None if target is None else self._buffer.numbers(kind, target + 4, self._buffer.read("I", target))

    def length(self, field: int) -> int:
        """Returns the length of a vector, without looking at its elements."""
        target = self._target(field)
        return 0 if target is None else self._buffer.read("I", target)

    def text(self, field: int) -> str:
        """Returns a text; "" if the field is not there. Raises BrokenFlatbuffer if it is not UTF-8."""
        target = self._target(field)
        if target is None:
            return ""
        start, count = target + 4, self._buffer.read("I", target)
        if count > len(self._buffer.data) - start:
            raise BrokenFlatbuffer(f"a text at byte {target:,} goes beyond its {len(self._buffer.data):,} bytes")
        self._buffer.spend(count // 64)
        try:
            return self._buffer.data[start : start + count].decode()
        except UnicodeDecodeError as error:
            raise BrokenFlatbuffer(f"a text at byte {target:,} is not UTF-8") from error

    def _place(self, field: int) -> int | None:
        offset = self._fields[field] if field < len(self._fields) else 0
        return self._position + offset if offset else None

    def _target(self, field: int) -> int | None:
        place = self._place(field)
        return None if place is None else place + self._buffer.read("I", place)
