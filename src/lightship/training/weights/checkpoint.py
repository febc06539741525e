"""Reads the tensors of a PyTorch checkpoint, a `.pth` or `.pt` file, without PyTorch and without running its pickle.

There are two formats. Since PyTorch 1.6 it is a ZIP archive with `data.pkl` and a file for each storage of numbers.
Before, it was five pickles (a magic number, a version, the system, the object, the keys of the storages), and behind
them each storage with its length.
"""

from __future__ import annotations

import math
import os
import stat
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.errors import InvalidArgument, LightshipError, TooLarge
from lightship.files import read_bytes, read_error
from lightship.training.weights.tensor_parts import REMEDY, Storage, TensorView
from lightship.training.weights.tensor_pickle import read_pickle

MAX_FILE_BYTES = 4 << 30

_ZIP_START = b"PK\x03\x04"
_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
# Under which names programs put the state_dict of the model, beside that of the optimizer and others.
_NESTED = ("state_dict", "model_state_dict", "model")
_DATA_PARALLEL = "module."

Tensors = dict[str, NDArray[Any]]


def read_checkpoint(path: str | os.PathLike[str]) -> Tensors:
    """Returns the tensors of a `state_dict` by their names, as arrays that share the memory of the file's content.

    The arrays have the shapes and dtypes of PyTorch (bfloat16 of `ml_dtypes`), and cannot be written to. A state_dict
    inside a larger checkpoint, as "state_dict", "model_state_dict" or "model", is found; the prefix "module." that
    training on several devices gives to all names is removed.

    Raises NotFound and PermissionDenied if the file cannot be read, TooLarge if it has more than 4 GiB, and
    InvalidArgument if it is not a checkpoint, is damaged, or contains anything but tensors and plain data. Nothing in
    the file is run.
    """
    data = _content(Path(path))
    try:
        read = _read_zip if data[:4] == _ZIP_START else _read_legacy
        return _without_prefix(_state_dict(*read(data)))
    except LightshipError as error:
        raise type(error)(f"{path} is refused: {error.message}") from error


def _content(path: Path) -> bytes:
    """Returns the file, whose size is checked before it is read."""
    try:
        status = path.stat()
    except OSError as error:
        raise read_error(path, error) from error
    if stat.S_ISREG(status.st_mode) and status.st_size > MAX_FILE_BYTES:
        raise TooLarge(f"{path} has {status.st_size} bytes, but a checkpoint may have at most {MAX_FILE_BYTES}")
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
        raise InvalidArgument(f"{path} is not a regular file: give the path of a checkpoint")
    return read_bytes(path, MAX_FILE_BYTES)


def _read_zip(data: bytes) -> tuple[Any, Callable[[Storage], memoryview]]:
    try:
        archive = zipfile.ZipFile(BytesIO(data))
        entries = {entry.filename: entry for entry in archive.infolist()}
    except Exception as error:  # a hostile archive can make the library raise almost any exception
        raise InvalidArgument(f"it is a damaged ZIP archive ({str(error)[:100]}): download it again") from error
    pickled = [name for name in entries if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(pickled) != 1:
        raise InvalidArgument(f"it is a ZIP archive, but not one that torch.save writes: {REMEDY}")
    _check_entries(archive.infolist(), len(data))
    folder = pickled[0].removesuffix("data.pkl")

    def content(name: str) -> memoryview:
        if name not in entries:
            raise InvalidArgument(f"the archive has no {name[:200]}: it is damaged")
        try:
            return memoryview(archive.read(entries[name]))
        except Exception as error:
            raise InvalidArgument(f"{name[:200]} in the archive is damaged: {str(error)[:100]}") from error

    order = f"{folder}byteorder"
    if order in entries and bytes(content(order)) != b"little":
        raise InvalidArgument("its numbers are not little-endian: save it on a machine of the usual byte order")
    described = content(pickled[0])
    found = read_pickle(BytesIO(described), len(described))
    return found, lambda storage: content(f"{folder}data/{storage.key}")


def _check_entries(entries: Iterable[zipfile.ZipInfo], size: int) -> None:
    """Refuses an archive whose files are larger than they look: compressed, or several in one place."""
    total = 0
    for entry in entries:
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            raise InvalidArgument(
                f"{entry.filename[:200]} in the archive is compressed, which torch.save does not do: {REMEDY}"
            )
        total += entry.file_size
    if total > size:
        raise InvalidArgument(
            f"the files in the archive have {total} bytes, but the archive only {size}: it is damaged"
        )


def _read_legacy(data: bytes) -> tuple[Any, Callable[[Storage], memoryview]]:
    stream = BytesIO(data)
    try:
        magic = read_pickle(stream, len(data))
    except LightshipError as error:
        raise InvalidArgument(
            f"it is not a checkpoint of PyTorch ({error.message}): give a .pth or .pt file"
        ) from error
    if magic != _MAGIC:
        raise InvalidArgument(f"it is a pickle, but not one that torch.save writes: {REMEDY}")
    protocol, system, found, keys = (read_pickle(stream, len(data)) for _ in range(4))
    if protocol != _PROTOCOL:
        raise InvalidArgument(f"it is a checkpoint of another version than {_PROTOCOL}, the only one known: {REMEDY}")
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise InvalidArgument("its numbers are not little-endian: save it on a machine of the usual byte order")
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise InvalidArgument("the keys of its storages are not texts: the file is broken")
    storages = {storage.key: storage for storage in _storages(found)}
    contents = _storages_behind(memoryview(data), stream.tell(), keys, storages)
    return found, lambda storage: contents[storage.key]


def _storages_behind(
    data: memoryview, position: int, keys: list[str], storages: Mapping[str, Storage]
) -> dict[str, memoryview]:
    """Returns the bytes of each storage: they follow the pickles in the order of their keys, each behind its length."""
    contents = {}
    for key in keys:
        if key not in storages or key in contents:
            raise InvalidArgument(f"it has a storage {key[:50]!r} that no tensor uses, or that occurs twice")
        numbers = int.from_bytes(data[position : position + 8], "little")
        end = position + 8 + storages[key].numbers * storages[key].dtype.itemsize
        if numbers != storages[key].numbers or end > len(data):
            raise InvalidArgument(f"the storage {key[:50]!r} is not complete: the file is damaged, download it again")
        contents[key] = data[position + 8 : end]
        position = end
    missing = storages.keys() - contents.keys()
    if missing:
        raise InvalidArgument(f"the storage {min(missing)[:50]!r} is missing: the file is damaged, download it again")
    return contents


def _storages(found: Any) -> Iterator[Storage]:
    """Yields the storages in plain data, looking into each container once: a hostile one may contain itself."""
    waiting, seen = [found], set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, TensorView):
            yield value.storage
        elif isinstance(value, Storage):
            yield value
        elif isinstance(value, (dict, list, tuple)) and id(value) not in seen:
            seen.add(id(value))
            waiting += value.values() if isinstance(value, dict) else value


def _state_dict(found: Any, content: Callable[[Storage], memoryview]) -> Tensors:
    for nested in _NESTED:
        if isinstance(found, dict) and isinstance(found.get(nested), dict):
            found = found[nested]
            break
    if not isinstance(found, dict) or not any(isinstance(value, TensorView) for value in found.values()):
        raise InvalidArgument(f"it has no tensors by name: {REMEDY}")
    views = {name: value for name, value in found.items() if isinstance(name, str) and isinstance(value, TensorView)}
    storages: dict[str, NDArray[Any]] = {}
    for view in views.values():
        key = view.storage.key
        if key not in storages:
            storages[key] = _numbers(view.storage, content(view.storage))
        elif storages[key].dtype != view.storage.dtype or storages[key].size != view.storage.numbers:
            raise InvalidArgument(f"the storage {key[:50]!r} has two sizes or dtypes: the file is broken")
    return {name: _array(view, storages[view.storage.key]) for name, view in views.items()}


def _numbers(storage: Storage, content: memoryview) -> NDArray[Any]:
    if len(content) != storage.numbers * storage.dtype.itemsize:
        raise InvalidArgument(
            f"the storage {storage.key[:50]!r} has {len(content)} bytes, but should have {storage.numbers} numbers of "
            f"{storage.dtype.itemsize} bytes: the file is damaged, download it again"
        )
    return np.frombuffer(content, storage.dtype)


def _array(view: TensorView, numbers: NDArray[Any]) -> NDArray[Any]:
    """Returns the numbers of a tensor, without a copy. Its bounds were checked when the pickle was read."""
    if not math.prod(view.shape):
        return np.empty(view.shape, view.storage.dtype)
    strides = [stride * view.storage.dtype.itemsize for stride in view.strides]
    return np.lib.stride_tricks.as_strided(numbers[view.offset :], view.shape, strides, writeable=False)


def _without_prefix(tensors: Tensors) -> Tensors:
    if not all(name.startswith(_DATA_PARALLEL) for name in tensors):
        return tensors
    return {name.removeprefix(_DATA_PARALLEL): array for name, array in tensors.items()}
