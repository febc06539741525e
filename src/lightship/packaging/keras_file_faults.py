"""Says what is wrong with a file that Keras cannot load, as Keras calls a damaged or misnamed file "not found"."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from lightship.errors import InvalidArgument
from lightship.files import read_bytes

_ZIP_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")  # the second is that of an empty one
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_KERAS, _HDF5 = ".keras", (".h5", ".hdf5")
_DAMAGED = "it is cut off or damaged; copy or save it again"
_SAVE = "give a file that model.save('m.keras') wrote"


@contextmanager
def explain_file_fault(path: Path) -> Iterator[None]:
    """Raises InvalidArgument if the block fails and `path` is a damaged file, a misnamed one, or not of Keras.

    Raises PermissionDenied if this user may not read the file. Otherwise the block's own error is raised.
    """
    try:
        yield
    except Exception as error:
        fault = None if path.is_dir() else _fault(path)
        if fault is not None:
            raise InvalidArgument(f"{path} {fault}") from error
        raise


def _fault(path: Path) -> str | None:
    start = read_bytes(path, len(_HDF5_SIGNATURE))
    if not start:
        return "is an empty file: copy or save it again"
    if start.startswith(_ZIP_SIGNATURES):
        return _fault_of_zip(path)
    if start == _HDF5_SIGNATURE:
        return _fault_of_hdf5(path)
    kind = f"a {_KERAS}" if path.suffix.lower() == _KERAS else "an HDF5"
    return f"is not {kind} file, although its name says so: {_SAVE}"


def _fault_of_zip(path: Path) -> str | None:
    try:
        with zipfile.ZipFile(path) as archive:
            if "config.json" not in archive.namelist():
                return f"is a zip file without a Keras model: {_SAVE}"
            damaged = archive.testzip() is not None
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError):
        damaged = True
    if damaged:
        return f"is not a whole {_KERAS} file: {_DAMAGED}"
    if path.suffix != _KERAS:  # Keras wants lower case
        return f"is a {_KERAS} file: rename it to {path.with_suffix(_KERAS).name}"
    return None


def _fault_of_hdf5(path: Path) -> str | None:
    if path.suffix not in _HDF5:
        return f"is an HDF5 file: rename it to {path.with_suffix(_HDF5[0]).name}"
    try:
        h5py.File(path, "r").close()
    except OSError:
        return f"is not a whole HDF5 file: {_DAMAGED}"
    return None
