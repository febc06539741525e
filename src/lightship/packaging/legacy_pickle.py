"""Reads an untrusted pickle without running it: every class and function in it is replaced by an inert object.

The older layout keeps its labels in `classes.pickle`, a pickled pandas DataFrame. A pickle is a program. This reader
allows only the names that pandas, numpy and pyarrow write for such a frame, and never imports even those: a `Part`
takes their place and only stores its arguments.
"""

from __future__ import annotations

import pickle
import pickletools
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from lightship.errors import InvalidArgument, LightshipError, TooLarge
from lightship.files import read_bytes

MAX_FILE_BYTES = 4 * 1024 * 1024
MAX_OPERATIONS = 500_000  # an operation of one byte can create an object of 64 bytes

REMEDY = (
    "write the labels to a text file, one per line in index order, and export with classes=THAT_FILE "
    "(--classes THAT_FILE)"
)

# The names that pandas 0.25 to 3 write for a frame of strings and numbers.
_ALLOWED: Mapping[str, frozenset[str]] = {
    module: frozenset(names.split())
    for module, names in {
        "_codecs": "encode",
        "builtins": "slice bytearray",
        "__builtin__": "slice bytearray",
        "numpy": "ndarray dtype",
        "numpy.core.multiarray": "_reconstruct",
        "numpy._core.multiarray": "_reconstruct",
        "numpy.core.numeric": "_frombuffer",
        "numpy._core.numeric": "_frombuffer",
        "pandas": "DataFrame Index RangeIndex StringDtype",
        "pandas.arrays": "StringArray ArrowStringArray",
        "pandas.core.arrays.string_": "StringArray StringArrayNumpySemantics StringDtype",
        "pandas.core.arrays.string_arrow": "ArrowStringArray ArrowStringArrayNumpySemantics",
        "pandas.core.frame": "DataFrame",
        "pandas.core.indexes.base": "_new_Index Index",
        "pandas.core.indexes.numeric": "Int64Index",
        "pandas.core.indexes.range": "RangeIndex",
        "pandas.core.internals": "BlockManager",
        "pandas.core.internals.blocks": "new_block",
        "pandas.core.internals.managers": "BlockManager",
        "pandas._libs.arrays": "__pyx_unpickle_NDArrayBacked",
        "pandas._libs.internals": "_unpickle_block",
        "pyarrow.lib": "_restore_array py_buffer type_for_alias",
    }.items()
}

# The operations that protocols 2 to 5 need for it: no persistent ids, extension registry or out-of-band buffers.
_OPERATION_NAMES = """
PROTO FRAME STOP MARK POP POP_MARK DUP NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 BINFLOAT
SHORT_BINSTRING BINSTRING SHORT_BINBYTES BINBYTES BINBYTES8 BYTEARRAY8 SHORT_BINUNICODE BINUNICODE BINUNICODE8
EMPTY_LIST APPEND APPENDS EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_DICT SETITEM SETITEMS
BINGET LONG_BINGET BINPUT LONG_BINPUT MEMOIZE GLOBAL STACK_GLOBAL REDUCE BUILD NEWOBJ
"""
_OPERATIONS = frozenset(_OPERATION_NAMES.split())


class Part:
    """Replaces a class or function that the pickle names, and stores the arguments and the state that it is given."""

    path = ""

    def __new__(cls, *arguments: Any) -> Part:
        part = object.__new__(cls)
        part.arguments = arguments
        part.state = None
        return part

    def __init__(self, *arguments: Any) -> None:
        self.arguments: tuple[Any, ...]
        self.state: Any

    def __setstate__(self, state: Any) -> None:
        self.state = state


_PARTS = {
    (module, name): type("Part", (Part,), {"path": f"{module}.{name}"})
    for module, names in _ALLOWED.items()
    for name in names
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        part = _PARTS.get((module, name))
        if part is None:
            raise InvalidArgument(
                f"the pickle uses {module}.{name}, which a DataFrame of labels does not need; no code in it was "
                f"run: {REMEDY}"
            )
        return part


def read_parts(path: Path) -> Any:
    """Returns the object in a pickle, with a `Part` for everything that is not plain data, without running anything.

    Raises the errors of `read_bytes`, TooLarge if the file has too many bytes or pickle operations, and InvalidArgument
    if it is not a pickle, or uses an operation or a class that a DataFrame of labels does not need.
    """
    data = _read(path)
    try:
        _check_operations(data)
        return _Unpickler(BytesIO(data)).load()
    except LightshipError as error:
        raise type(error)(f"{path} is refused: {error.message}") from error
    except Exception as error:  # a hostile pickle can make the unpickler raise almost any exception
        raise InvalidArgument(
            f"{path} is not a pickle of a DataFrame: {error or type(error).__name__}; {REMEDY}"
        ) from error


def _read(path: Path) -> bytes:
    data = read_bytes(path, MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise TooLarge(f"{path} has more than {MAX_FILE_BYTES} bytes, too many for a DataFrame of labels: {REMEDY}")
    return data


def _check_operations(data: bytes) -> None:
    """Refuses, before anything is loaded, pickles that would use far more memory than their size."""
    for count, (operation, argument, _) in enumerate(pickletools.genops(data)):
        if operation.name not in _OPERATIONS:
            raise InvalidArgument(
                f"the pickle uses {operation.name}, which a DataFrame of labels does not need: {REMEDY}"
            )
        if count >= MAX_OPERATIONS:
            raise TooLarge(
                f"the pickle has more than {MAX_OPERATIONS} operations, too many for a DataFrame of labels: {REMEDY}"
            )
        if operation.name in ("BINPUT", "LONG_BINPUT", "FRAME") and (argument or 0) > len(data):
            raise InvalidArgument(
                f"{operation.name} {argument} is larger than the pickle, which has {len(data)} bytes: {REMEDY}"
            )
