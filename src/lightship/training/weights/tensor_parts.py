"""What the pickle of a PyTorch checkpoint may name and make: storages of numbers, tensors, and ordered dictionaries.

Each is an inert stand-in. A tensor is only described here, by its storage and its shape; `checkpoint.py` makes the
array.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from lightship.errors import InvalidArgument

MAX_DIMENSIONS = 16
MAX_EMPTY = 2**31  # the product of the other sizes of a tensor without numbers, which arrays must be able to count

REMEDY = "save only the weights, with torch.save(model.state_dict(), FILE)"

_DTYPES: Mapping[str, np.dtype[Any]] = {
    "DoubleStorage": np.dtype("<f8"),
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("i1"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}


@dataclass(frozen=True, slots=True)
class Storage:
    """A block of numbers in the file, by its key."""

    key: str
    dtype: np.dtype[Any]
    numbers: int


@dataclass(frozen=True, slots=True)
class TensorView:
    """A tensor: the part of a storage that it shows. Offset and strides count numbers, and stay inside the storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Global:
    """Stands for a class or function that the pickle names."""

    path: str


_ORDERED_DICT = "collections.OrderedDict"
_TENSOR = "torch._utils._rebuild_tensor_v2"
_PARAMETER = "torch._utils._rebuild_parameter"
_STORAGES = {f"torch.{name}": dtype for name, dtype in _DTYPES.items()}
_GLOBALS = {path: Global(path) for path in (_ORDERED_DICT, _TENSOR, _PARAMETER, *_STORAGES)}


def find_global(path: str) -> Global:
    """Returns what stands for `module.name`. Raises InvalidArgument for all but the few that tensors need."""
    found = _GLOBALS.get(path)
    if found is None:
        raise InvalidArgument(f"the pickle names {path[:200]}, which no tensor needs; nothing in it was run: {REMEDY}")
    return found


def storage_of(identity: Any) -> Storage:
    """Returns the storage that a persistent identity means. Raises InvalidArgument for any other identity.

    identity: ("storage", torch.FloatStorage, key, device, numbers); files of the older format have None behind it.
    """
    match identity:
        case ("storage", Global(path), str(key), str(), int(numbers)) if path in _STORAGES and numbers >= 0:
            return Storage(key, _STORAGES[path], numbers)
        case ("storage", Global(path), str(key), str(), int(numbers), None) if path in _STORAGES and numbers >= 0:
            return Storage(key, _STORAGES[path], numbers)
    raise InvalidArgument(f"the pickle refers to {described(identity)}, which is not a storage of numbers: {REMEDY}")


def made_by(path: str, arguments: tuple[Any, ...]) -> Any:
    """Returns what a call makes: a dictionary or a `TensorView`. Raises InvalidArgument for any other call."""
    match path, arguments:
        case "collections.OrderedDict", ():
            return {}
        case "torch._utils._rebuild_tensor_v2", (Storage() as storage, int(offset), tuple(shape), tuple(strides), *_):
            return _tensor(storage, offset, shape, strides)
        case "torch._utils._rebuild_parameter", (TensorView() as tensor, *_):
            return tensor
    raise InvalidArgument(f"the pickle calls {path} with arguments that it does not take: {REMEDY}")


def _tensor(storage: Storage, offset: int, shape: tuple[Any, ...], strides: tuple[Any, ...]) -> TensorView:
    """Refuses what lies outside of the storage, or shows more numbers than it has."""
    if len(shape) != len(strides) or len(shape) > MAX_DIMENSIONS or not all(map(_is_size, (offset, *shape, *strides))):
        raise InvalidArgument(
            f"a tensor has the offset {offset}, the shape {described(shape)} and the strides {described(strides)}: the "
            "file is broken"
        )
    strides = tuple(stride if size > 1 else 0 for size, stride in zip(shape, strides, strict=True))
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if 0 in shape:
        fits = math.prod(size for size in shape if size) <= MAX_EMPTY
    else:
        fits = last < storage.numbers and math.prod(shape) <= storage.numbers
    if not fits:
        raise InvalidArgument(
            f"a tensor of shape {described(shape)} does not fit into its storage of {storage.numbers} numbers: the "
            "file is broken"
        )
    return TensorView(storage, offset, shape, strides)


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**62


def described(value: Any) -> str:
    """Describes a value of a hostile file, briefly."""
    if isinstance(value, Global):
        return value.path
    if isinstance(value, tuple) and all(isinstance(one, int) for one in value):
        return str(value[:MAX_DIMENSIONS])[:200]
    return f"a value of type {type(value).__name__}"
