"""Protobuf's wire format without a description: fields are changed, and every length still fits."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5
_SIZES = {FIXED64: 8, FIXED32: 4}
_NUMBERS = (0, 1, 2, 7, 127, 128, 300, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1)
_DEPTH = 8


@dataclass(slots=True)
class Field:
    """content: a number, bytes, or the fields of a message."""

    number: int
    kind: int
    content: int | bytes | list[Field]


def rearranged(data: bytes, other: bytes, random: Random) -> bytes:
    """A message with a few of its fields changed, left out, doubled, or taken from another message."""
    fields, donor = parsed(data) or [], everything(parsed(other) or [])
    for _ in range(random.choice((1, 1, 2, 4))):
        places = _places(fields)
        where = random.choice(places)
        at = random.randint(0, len(where))
        change = random.randrange(6)
        if change == 0 and donor:
            given = random.choice(donor)
            content = written(given.content) if isinstance(given.content, list) else given.content
            where.insert(at, Field(given.number, given.kind, content))
        elif at < len(where):
            _change(where, at, change, random)
    return written(fields)


def _change(where: list[Field], at: int, change: int, random: Random) -> None:
    one = where[at]
    if change == 1:
        del where[at]
    elif change == 2:
        where[at:at] = [one] * random.choice((1, 2, 40))
    elif change == 3:
        where[at] = Field(random.randint(1, 20), one.kind, one.content)
    else:
        where[at] = Field(one.number, one.kind, _changed(one, random))


def _changed(one: Field, random: Random) -> int | bytes:
    if one.kind == VARINT:
        return random.choice(_NUMBERS)
    if one.kind in _SIZES:
        return random.choice((b"\x00", b"\xff", random.randbytes(1))) * _SIZES[one.kind]
    return random.choice((b"", b"\xff\xfe", b"x" * 3000, random.randbytes(random.randint(1, 40))))


def _places(fields: list[Field]) -> list[list[Field]]:
    """Every list of fields, the message's own and those of the messages in it."""
    inner = [place for one in fields if isinstance(one.content, list) for place in _places(one.content)]
    return [fields, *inner]


def everything(fields: list[Field]) -> list[Field]:
    return [one for place in _places(fields) for one in place]


def parsed(data: bytes, depth: int = 0) -> list[Field] | None:
    """The fields of a message; None where it is none. What can be read as a message is one."""
    fields, at = [], 0
    while at < len(data):
        tag, at = _number(data, at)
        number, kind = tag >> 3, tag & 7
        if number == 0 or at < 0:
            return None
        content: int | bytes | list[Field]
        if kind == VARINT:
            content, at = _number(data, at)
        else:
            size, at = _number(data, at) if kind == DELIMITED else (_SIZES.get(kind, -1), at)
            if at < 0 or not 0 <= size <= len(data) - at:
                return None
            content, at = data[at : at + size], at + size
            if kind == DELIMITED and size and depth < _DEPTH:
                content = parsed(content, depth + 1) or content
        if at < 0:
            return None
        fields.append(Field(number, kind, content))
    return fields


def written(fields: list[Field]) -> bytes:
    return b"".join(_written(one) for one in fields)


def _written(one: Field) -> bytes:
    tag = _varint(one.number << 3 | one.kind)
    if isinstance(one.content, int):
        return tag + _varint(one.content)
    content = written(one.content) if isinstance(one.content, list) else one.content
    return tag + (_varint(len(content)) if one.kind == DELIMITED else b"") + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A varint, and where what follows begins; -1 where it is none."""
    value = shift = 0
    while 0 <= at < len(data) and shift < 70:
        byte = data[at]
        value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
        if byte < 128:
            return value, at
    return 0, -1
