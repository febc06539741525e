"""Rows of different lengths: their values, filled up to a rectangle."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.engines.base import CannotRun
from lightship.engines.host.kernels.kernel import ANY, INTEGERS, Attributes, Kernel, Run, check_size
from lightship.errors import InvalidArgument


def _to_tensor(attributes: Attributes) -> Run:
    attributes.type("T", ANY)
    attributes.type("Tshape", INTEGERS)
    partitions = attributes.texts("row_partition_types")
    if partitions not in ([b"ROW_SPLITS"], [b"FIRST_DIM_SIZE", b"VALUE_ROWIDS"]):
        raise attributes.refuse(f"of {', '.join(one.decode() for one in partitions)}")

    def run(shape: NDArray[Any], values: NDArray[Any], default: NDArray[Any], *parts: NDArray[Any]) -> tuple[Any, ...]:
        if values.ndim != 1 or default.ndim:
            raise attributes.refuse("of values that are arrays")
        lengths = _lengths(len(values), *parts)
        sizes = shape.tolist() if shape.ndim else [-1, -1]
        if len(sizes) != 2:
            raise InvalidArgument(f"the shape {sizes} of a ragged tensor has not 2 dimensions")
        height = len(lengths) if sizes[0] < 0 else sizes[0]
        width = max(lengths, default=0) if sizes[1] < 0 else sizes[1]
        check_size((height, width))
        filled = np.empty((height, width), values.dtype)
        filled.fill(default.item() if values.dtype == object else default)
        first = 0
        for row, length in zip(filled, lengths, strict=False):
            kept = min(length, width)
            row[:kept] = values[first : first + kept]
            first += length
        return (filled,)

    return run


def _lengths(values: int, *parts: NDArray[Any]) -> list[int]:
    """Returns the number of values in each row."""
    if len(parts) == 1:
        splits = parts[0].tolist()
        lengths = [after - before for before, after in pairwise(splits)]
        if not splits or splits[0] != 0 or splits[-1] != values or min(lengths, default=0) < 0:
            raise CannotRun("RaggedTensorToTensor of splits that do not ascend from 0 to the number of values")
        return lengths
    count, rows = int(parts[0]), parts[1]
    if len(rows) != values or (values and (rows[0] < 0 or rows[-1] >= count or (rows[1:] < rows[:-1]).any())):
        raise CannotRun("RaggedTensorToTensor of row ids that do not ascend within the number of rows")
    lengths_found: list[int] = np.bincount(rows, minlength=count).tolist()
    return lengths_found


KERNELS: Mapping[str, Kernel] = {"RaggedTensorToTensor": _to_tensor}
