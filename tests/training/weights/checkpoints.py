"""Writes checkpoints as PyTorch does, and damaged and hostile ones, without PyTorch."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAGIC = 0x1950A86A20F9469CFC6C
SYSTEM = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
STORAGES = {"float32": "FloatStorage", "float64": "DoubleStorage", "float16": "HalfStorage", "int64": "LongStorage"}


@dataclass(frozen=True)
class Name:
    """A class or function by its module and name."""

    module: str
    name: str


@dataclass(frozen=True)
class Call:
    function: Any
    arguments: Any


@dataclass(frozen=True)
class Persistent:
    identity: Any


@dataclass(frozen=True)
class Raw:
    """Operations of a pickle as they are."""

    operations: bytes


def pickled(value: Any) -> bytes:
    return b"\x80\x02" + operations(value) + b"."


def operations(value: Any) -> bytes:
    match value:
        case Raw(raw):
            return raw
        case None:
            return b"N"
        case bool():
            return b"\x88" if value else b"\x89"
        case int() if -(2**31) <= value < 2**31:
            return b"J" + struct.pack("<i", value)
        case int():
            data = value.to_bytes((value.bit_length() + 8) // 8, "little", signed=True)
            return b"\x8a" + bytes([len(data)]) + data
        case str():
            data = value.encode()
            return b"X" + struct.pack("<I", len(data)) + data
        case tuple():
            return b"(" + b"".join(map(operations, value)) + b"t"
        case list():
            return b"](" + b"".join(map(operations, value)) + b"e"
        case dict():
            return b"}(" + b"".join(operations(one) for item in value.items() for one in item) + b"u"
        case Name(module, name):
            return f"c{module}\n{name}\n".encode()
        case Call(function, arguments):
            return operations(function) + operations(arguments) + b"R"
        case Persistent(identity):
            return operations(identity) + b"Q"
    raise TypeError(type(value))


def storage(key: str, numbers: int, kind: str = "FloatStorage", *, legacy: bool = False) -> Persistent:
    identity = ("storage", Name("torch", kind), key, "cpu", numbers)
    return Persistent((*identity, None) if legacy else identity)


def tensor(one: Any, shape: tuple[Any, ...], strides: tuple[Any, ...], offset: Any = 0) -> Call:
    hooks = Call(Name("collections", "OrderedDict"), ())
    return Call(Name("torch._utils", "_rebuild_tensor_v2"), (one, offset, shape, strides, False, hooks))


def state_dict(arrays: Mapping[str, NDArray[Any]], *, legacy: bool = False) -> dict[str, Call]:
    """Each array in a storage of its own, whose key is its position."""
    return {
        name: tensor(
            storage(str(index), array.size, STORAGES[str(array.dtype)], legacy=legacy),
            array.shape,
            tuple(stride // array.itemsize for stride in np.asarray(array, order="C").strides),
        )
        for index, (name, array) in enumerate(arrays.items())
    }


def write_legacy(path: Path, arrays: Mapping[str, NDArray[Any]], value: Any = None, **changed: Any) -> Path:
    """value: what is pickled in place of the arrays' state_dict. changed: another magic, protocol, system, keys."""
    fields = {"magic": MAGIC, "protocol": 1001, "system": SYSTEM, "keys": [str(index) for index in range(len(arrays))]}
    fields |= changed
    described = state_dict(arrays, legacy=True) if value is None else value
    parts = [pickled(one) for one in (fields["magic"], fields["protocol"], fields["system"], described, fields["keys"])]
    for array in arrays.values():
        parts += [struct.pack("<q", array.size), array.tobytes()]
    path.write_bytes(b"".join(parts))
    return path


def write_zip(
    path: Path,
    arrays: Mapping[str, NDArray[Any]],
    value: Any = None,
    *,
    compression: int = zipfile.ZIP_STORED,
    **others: bytes,
) -> Path:
    """value: what is pickled in place of the state_dict of the arrays. others: further files in the archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr("weights/data.pkl", pickled(state_dict(arrays) if value is None else value))
        for index, array in enumerate(arrays.values()):
            archive.writestr(f"weights/data/{index}", array.tobytes())
        for name, content in others.items():
            archive.writestr(f"weights/{name}", content)
    path.write_bytes(buffer.getvalue())
    return path
