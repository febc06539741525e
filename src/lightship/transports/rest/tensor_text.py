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
    texts = _element_texts(name, tensor)
    for level in range(tensor.ndim - 1, 0, -1):
        texts = [f"[{', '.join(group)}]" for group in _groups(texts, tensor.shape, level)]
    return texts


def tensor_text(name: str, tensor: np.ndarray[Any, Any], indent: int) -> str:
    """The whole tensor: nested lists with each value on its own line, or the value itself for a scalar."""
    texts = _element_texts(name, tensor)
    for level in range(tensor.ndim - 1, -1, -1):
        outer = " " * (indent + 4 * level)
        before, between, after = f"[\n{outer}    ", f",\n{outer}    ", f"\n{outer}]"
        groups = _groups(texts, tensor.shape, level)
        texts = [before + between.join(group) + after if group else "[]" for group in groups]
    return texts[0]


def _groups(texts: list[str], shape: tuple[int, ...], level: int) -> Iterator[list[str]]:
    """The texts that belong into one list each, at one dimension."""
    size = shape[level]
    for index in range(math.prod(shape[:level])):
        yield texts[index * size : (index + 1) * size]


def _element_texts(name: str, tensor: np.ndarray[Any, Any]) -> list[str]:
    if tensor.size == 0:
        return []
    flat = tensor.reshape(-1)
    writer = _WRITERS.get(flat.dtype.kind)
    if flat.dtype.kind == "O":
        return _base64_texts(flat) if name.endswith("_bytes") else _string_texts(flat)
    if flat.dtype.name in _WIDENED:
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


_WIDENED = ("float16", "bfloat16")
_WRITERS: dict[str, Callable[[np.ndarray[Any, Any]], list[str]]] = {
    "b": lambda flat: ["true" if value else "false" for value in flat.tolist()],
    "f": float_texts,
    "i": lambda flat: list(map(str, flat.tolist())),
    "u": lambda flat: list(map(str, flat.tolist())),
}
