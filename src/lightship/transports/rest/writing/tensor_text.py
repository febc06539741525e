"""Writes tensors as JSON.

Large tensors are written in blocks of whole rows: a Python string per number takes ten times the memory of its text,
and a block does not hold the interpreter lock for long.
"""

from __future__ import annotations

import binascii
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from lightship.errors import InvalidArgument
from lightship.tensors.dtypes import DataType
from lightship.transports.rest.reading.values import decoded, encoded
from lightship.transports.rest.writing.list_layout import (
    Layout,
    on_lines,
    on_one_line,
    rows_of,
    separators,
    with_boundaries,
)
from lightship.transports.rest.writing.number_matrix import joined_text
from lightship.transports.rest.writing.number_text import MANY, float_texts, text_of
from lightship.transports.rest.writing.text import quoted

_BLOCK = 1 << 13  # values
_INTEGERS = "?bBhHiIlLqQ"  # numpy's characters for bool and integers


def row_texts(name: str, tensor: np.ndarray[Any, Any], indent: int) -> list[str]:
    """Returns one text for each index of dimension 0, on one line except for base64 values.

    `indent` is the number of blanks before the last line of a base64 value, if the value were a whole row.
    """
    if _has_few_rows(tensor):
        return _few_rows(tensor)
    layout, inner = on_one_line(tensor.ndim), indent + 4 * (tensor.ndim - 1)
    blocks = ((_element_texts(name, block, inner), block.shape) for block in _blocks(tensor))
    return [text for texts, shape in blocks for text in rows_of(texts, shape, layout)]


def rows_text(name: str, tensor: np.ndarray[Any, Any], indent: int) -> bytes:
    """Returns the same texts as `row_texts`, joined by commas."""
    if _has_few_rows(tensor):
        return ", ".join(_few_rows(tensor)).encode()
    return _inside(name, tensor, on_one_line(tensor.ndim), indent + 4 * (tensor.ndim - 1))


def _has_few_rows(tensor: np.ndarray[Any, Any]) -> bool:
    """Returns whether these are a few rows of float32, the most common answer."""
    return tensor.ndim == 2 and tensor.size < MANY and tensor.dtype.char == "f" and tensor.dtype.isnative


def _few_rows(tensor: np.ndarray[Any, Any]) -> list[str]:
    """Writes such rows in a third of the time that `_inside` takes."""
    text = text_of(tensor)
    return [f"[{', '.join(map(text, row))}]" for row in tensor.tolist()]


def tensor_text(name: str, tensor: np.ndarray[Any, Any], indent: int) -> bytes:
    """Returns the text of a tensor: nested lists with each value on its own line, or the value alone for a scalar.

    `indent` is the number of blanks before its last line.
    """
    if tensor.ndim == 0:
        return encoded(_element_texts(name, tensor, indent)[0])
    layout = on_lines(tensor.ndim, indent)
    return layout.opened(_inside(name, tensor, layout, indent + 4 * tensor.ndim)) if len(tensor) else b"[]"


def _inside(name: str, tensor: np.ndarray[Any, Any], layout: Layout, indent: int) -> bytes:
    """Returns the text between the brackets of the outermost list. `indent` is that of an element."""
    if tensor.size <= _BLOCK:
        return _block_text(name, tensor, layout, indent)
    if math.prod(tensor.shape[1:]) > _BLOCK:
        rows = (layout.inner.opened(_inside(name, row, layout.inner, indent)) for row in tensor)
    else:
        rows = (_block_text(name, block, layout, indent) for block in _blocks(tensor))
    return layout.between[0].encode().join(rows)


def _blocks(tensor: np.ndarray[Any, Any]) -> Iterator[np.ndarray[Any, Any]]:
    """Splits a tensor into blocks of whole rows with some thousand values each."""
    size = max(1, _BLOCK // max(1, math.prod(tensor.shape[1:])))
    return (tensor[start : start + size] for start in range(0, len(tensor), size))


def _block_text(name: str, block: np.ndarray[Any, Any], layout: Layout, indent: int) -> bytes:
    kind = block.dtype.char
    if block.size >= MANY and kind not in _INTEGERS and (values := _written_floats(block)) is not None:
        marked = joined_text(values, separators(block.shape, layout), text_of(values))
        return layout.around(with_boundaries(marked, layout))
    if kind in _INTEGERS and layout is on_one_line(block.ndim):
        return _plain_text(block)
    return encoded(layout.between[0].join(rows_of(_element_texts(name, block, indent), block.shape, layout)))


def _plain_text(values: np.ndarray[Any, Any]) -> bytes:
    """Writes integers or booleans. Python writes them as JSON does, except for capital letters."""
    text = str(values.tolist())[1:-1].encode()
    return text.lower() if values.dtype.char == "?" else text


def _written_floats(tensor: np.ndarray[Any, Any]) -> np.ndarray[Any, Any] | None:
    """Returns the flat values to write, with 16-bit floats as float32; None if the tensor does not hold floats."""
    dtype = tensor.dtype
    if dtype.char in "fd":
        return tensor.reshape(-1) if dtype.isnative else tensor.reshape(-1).astype(dtype.newbyteorder("="))
    if dtype.char == "e" or dtype.name == "bfloat16":
        return tensor.reshape(-1).astype(np.float32)
    return None


def _element_texts(name: str, tensor: np.ndarray[Any, Any], indent: int) -> list[str]:
    kind = tensor.dtype.char
    if tensor.size == 0:
        return []
    if kind in _INTEGERS:
        return _plain_text(tensor.reshape(-1)).decode().split(", ")
    if kind == "O":
        flat = tensor.reshape(-1)
        return _base64_texts(flat, indent) if name.endswith("_bytes") else _string_texts(flat)
    values = _written_floats(tensor)
    if values is None:
        raise InvalidArgument(f"Failed to write JSON value for tensor type: {DataType.of(tensor.dtype).label}")
    return float_texts(values)


def _string_texts(flat: np.ndarray[Any, Any]) -> list[str]:
    return [quoted(decoded(value) if isinstance(value, bytes) else str(value)) for value in flat.tolist()]


def _base64_texts(flat: np.ndarray[Any, Any], indent: int) -> list[str]:
    """Writes objects over three lines each, even if all other values are on one line."""
    end = "\n" + " " * indent + "}"
    start = end[:-1].join(("{", '    "b64": "'))
    values = (value if isinstance(value, bytes) else str(value).encode() for value in flat.tolist())
    return [f'{start}{binascii.b2a_base64(value, newline=False).decode()}"{end}' for value in values]
