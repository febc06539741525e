"""Reads a pickle of strangers without running it: every class and function in it becomes an inert part.

The older layout keeps its labels in `classes.pickle`, a pickled pandas DataFrame. A pickle is a program; this one may
name nothing but what pandas, numpy and pyarrow write for such a frame, and even those names are never resolved:
`Part`s that only remember what they were given stand in their place.
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

MAX_BYTES = 4 * 1024 * 1024
MAX_OPERATIONS = 500_000  # an operation of one byte can make an object of 64

REMEDY = "write the labels to a text file, one a line in index order, and export with classes=THAT_FILE"

# What pandas 0.25 to 3 write for a frame of strings, numbers and nothing else.
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

# All that protocols 2 to 5 need for it: no persistent ids, no extension registry, no out-of-band buffers.
_OPERATION_NAMES = """
PROTO FRAME STOP MARK POP POP_MARK DUP NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 BINFLOAT
SHORT_BINSTRING BINSTRING SHORT_BINBYTES BINBYTES BINBYTES8 BYTEARRAY8 SHORT_BINUNICODE BINUNICODE BINUNICODE8
EMPTY_LIST APPEND APPENDS EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_DICT SETITEM SETITEMS
BINGET LONG_BINGET BINPUT LONG_BINPUT MEMOIZE GLOBAL STACK_GLOBAL REDUCE BUILD NEWOBJ
"""
_OPERATIONS = frozenset(_OPERATION_NAMES.split())


class Part:
    """Stands where the pickle names a class or function: called, it keeps its arguments; set, its state."""

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
                f"it asks for {module}.{name}, which a frame of labels does not need; nothing in it was run: {REMEDY}"
            )
        return part


def read_parts(path: Path) -> Any:
    """The object in a pickle, with a `Part` for everything that is not plain data. Nothing in it is run.

    Raises NotFound, TooLarge, and InvalidArgument naming what the pickle asks for beyond a frame of labels.
    """
    data = _read(path)
    try:
        _check_operations(data)
        return _Unpickler(BytesIO(data)).load()
    except LightshipError as error:
        raise type(error)(f"{path} is refused: {error.message}") from error
    except Exception as error:  # a hostile pickle makes the unpickler raise nearly anything
        raise InvalidArgument(
            f"{path} is not a pickle of a DataFrame: {error or type(error).__name__}; {REMEDY}"
        ) from error


def _read(path: Path) -> bytes:
    data = read_bytes(path, MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise TooLarge(f"{path} has more than {MAX_BYTES} bytes, too many for a frame of labels: {REMEDY}")
    return data


def _check_operations(data: bytes) -> None:
    """Refuses before anything is loaded what could take memory out of all proportion."""
    for count, (operation, argument, _) in enumerate(pickletools.genops(data)):
        if operation.name not in _OPERATIONS:
            raise InvalidArgument(f"it uses {operation.name}, which a frame of labels does not need: {REMEDY}")
        if count >= MAX_OPERATIONS:
            raise TooLarge(f"it has more than {MAX_OPERATIONS} operations, too many for a frame of labels: {REMEDY}")
        if operation.name in ("BINPUT", "LONG_BINPUT", "FRAME") and (argument or 0) > len(data):
            raise InvalidArgument(f"its {operation.name} {argument} is beyond its own {len(data)} bytes: {REMEDY}")
