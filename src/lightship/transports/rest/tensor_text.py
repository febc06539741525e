"""Tensors as JSON text."""

from __future__ import annotations

import binascii
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lightship.bundle.dtypes import DataType
from lightship.errors import InvalidArgument
from lightship.transports.rest.json_text import quoted
from lightship.transports.rest.json_values import decoded
from lightship.transports.rest.number_text import float_texts


def row_texts(name: str, tensor: np.ndarray[Any, Any]) -> list[str]:
    """One text for each index of dimension 0, each on one line."""
    return [text for block in _blocks(tensor) for text in _block_rows(name, block, _on_one_line)]


def rows_text(name: str, tensor: np.ndarray[Any, Any]) -> str:
    """The same, joined; in blocks, since a Python string for each number takes ten times the memory of its text."""
    return ", ".join(", ".join(_block_rows(name, block, _on_one_line)) for block in _blocks(tensor))


def tensor_text(name: str, tensor: np.ndarray[Any, Any], indent: int) -> str:
    """The whole tensor: nested lists with each value on its own line, or the value itself for a scalar."""
    if tensor.ndim == 0:
        return _element_texts(name, tensor)[0]
    outer = " " * indent

    def on_lines(texts: list[str], level: int) -> str:
        inner = outer + " " * (4 * level)
        return f"[\n{inner}    " + f",\n{inner}    ".join(texts) + f"\n{inner}]"

    between = f",\n{outer}    "
    rows = between.join(between.join(_block_rows(name, block, on_lines)) for block in _blocks(tensor))
    return f"[\n{outer}    {rows}\n{outer}]" if len(tensor) else "[]"


def _on_one_line(texts: list[str], level: int) -> str:
    return f"[{', '.join(texts)}]"


def _blocks(tensor: np.ndarray[Any, Any]) -> Iterator[np.ndarray[Any, Any]]:
    """Slices of whole rows, of some thousand values each."""
    size = max(1, _BLOCK // max(1, math.prod(tensor.shape[1:])))
    return (tensor[start : start + size] for start in range(0, len(tensor), size))


def _block_rows(name: str, block: np.ndarray[Any, Any], joined: Callable[[list[str], int], str]) -> list[str]:
    """The text of each row; `joined` makes one list of a dimension's texts."""
    texts = _element_texts(name, block)
    for level in range(block.ndim - 1, 0, -1):
        size, count = block.shape[level], math.prod(block.shape[:level])
        groups = (texts[index * size : (index + 1) * size] for index in range(count))
        texts = [joined(group, level) if group else "[]" for group in groups]
    return texts


def _element_texts(name: str, tensor: np.ndarray[Any, Any]) -> list[str]:
    if tensor.size == 0:
        return []
    flat = tensor.reshape(-1)
    kind, writer = flat.dtype.kind, _WRITERS.get(flat.dtype.kind)
    if kind == "O":
        return _base64_texts(flat) if name.endswith("_bytes") else _string_texts(flat)
    if (kind == "f" and flat.dtype.itemsize == 2) or (kind == "V" and flat.dtype.name == "bfloat16"):
        return float_texts(flat.astype(np.float32))
    if writer is None:
        label = DataType.of(tensor.dtype).label
        raise InvalidArgument(f"Failed to write JSON value for tensor type: {label}")
    return writer(flat)


def _string_texts(flat: np.ndarray[Any, Any]) -> list[str]:
    return [quoted(decoded(value) if isinstance(value, bytes) else str(value)) for value in flat.tolist()]


def _base64_texts(flat: np.ndarray[Any, Any]) -> list[str]:
    values = (value if isinstance(value, bytes) else str(value).encode() for value in flat.tolist())
    return [f'{{"b64": "{binascii.b2a_base64(value, newline=False).decode()}"}}' for value in values]


_BLOCK = 1 << 13
_WRITERS: dict[str, Callable[[np.ndarray[Any, Any]], list[str]]] = {
    "b": lambda flat: ["true" if value else "false" for value in flat.tolist()],
    "f": float_texts,
    "i": lambda flat: list(map(str, flat.tolist())),
    "u": lambda flat: list(map(str, flat.tolist())),
}
