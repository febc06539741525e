"""Estimates the memory that a protobuf message takes when it is parsed, before it is parsed.

A repeated field of many small elements takes far more memory than bytes: two bytes can stand for a message of a
hundred. So the fields are visited without parsing them, up to a number of fields; what is left is assumed to be of the
worst kind.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from google.protobuf.descriptor import Descriptor, FieldDescriptor

_SMALL = 4 << 10  # bytes; the fields of a smaller message are not visited
_MAX_DEPTH = 100  # protobuf's limit of nested messages
_MAX_FIELDS = 10_000  # visited in a message; each takes about a microsecond
_FIELD = 32  # bytes of an element of a repeated field, at most, besides its content
_MESSAGE = 160  # bytes of a submessage, besides its fields
_WORST = 24  # bytes for each byte of a field that was not visited
_WORST_INPUTS = 80  # the same for a map of tensors

# Bytes for each byte of a packed field of varints, by the size of its numbers.
_PACKED = {
    FieldDescriptor.CPPTYPE_INT32: 8,
    FieldDescriptor.CPPTYPE_UINT32: 8,
    FieldDescriptor.CPPTYPE_INT64: 16,
    FieldDescriptor.CPPTYPE_UINT64: 16,
}
_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5


class _Field(NamedTuple):
    # The descriptor of a submessage, or None for another field.
    message: Any
    # Bytes for each byte of its content.
    factor: int


def message_memory(request: bytes, descriptor: Descriptor) -> int:
    """Returns about the most bytes that a serialized message, the parsed message and a copy of its texts take.

    An invalid message gives any number, because parsing fails there too.
    """
    if len(request) <= _SMALL:
        return _WORST * len(request)
    return 2 * len(request) + _Visit(request).message(descriptor, 0, len(request), 0)


class _Visit:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._left = _MAX_FIELDS

    def message(self, descriptor: Descriptor, position: int, end: int, depth: int) -> int:
        """Returns the bytes of the fields between two positions."""
        total, fields = 0, _fields(descriptor)
        while position < end:
            self._left -= 1
            if self._left < 0 or depth > _MAX_DEPTH:
                return total + _worst(descriptor) * (end - position)
            tag, position = self._varint(position)
            size, position = self._size(tag & 7, position)
            total += _FIELD
            field, stop = fields.get(tag >> 3), min(end, position + size)
            if field is not None and field.message is not None and tag & 7 == _DELIMITED:
                total += _MESSAGE + self.message(field.message, position, stop, depth + 1)
            else:
                total += (field.factor if field is not None and tag & 7 == _DELIMITED else 1) * (stop - position)
            position += size
        return total

    def _size(self, wire_type: int, position: int) -> tuple[int, int]:
        """Returns the size of a field's content and where it begins."""
        if wire_type == _DELIMITED:
            return self._varint(position)
        if wire_type == _VARINT:
            return self._varint(position)[1] - position, position
        return {_FIXED64: 8, _FIXED32: 4}.get(wire_type, 1), position

    def _varint(self, position: int) -> tuple[int, int]:
        value = shift = 0
        for byte in self._data[position : position + 10]:
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, position
            shift += 7
        return value, position + 1  # invalid, or the end of the data


@cache
def _fields(descriptor: Descriptor) -> dict[int, _Field]:
    return {field.number: _field(field) for field in descriptor.fields}


def _field(field: FieldDescriptor) -> _Field:
    if field.message_type is not None:
        return _Field(field.message_type, 1)
    return _Field(None, _PACKED.get(field.cpp_type, 1) if field.is_repeated and _is_varint(field) else 1)


def _is_varint(field: FieldDescriptor) -> bool:
    fixed = (
        FieldDescriptor.TYPE_FIXED32,
        FieldDescriptor.TYPE_FIXED64,
        FieldDescriptor.TYPE_SFIXED32,
        FieldDescriptor.TYPE_SFIXED64,
    )
    return field.type not in fixed


@cache
def _worst(descriptor: Descriptor) -> int:
    return _WORST_INPUTS if descriptor.name in ("PredictRequest", "InputsEntry") else _WORST
