"""Fills up the inputs of calls whose shapes differ, so that they fit into one batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.errors import FailedPrecondition, InvalidArgument

MAX_RANK = 6

Shape = tuple[int, ...]


def common_shape(name: str, arrays: Sequence[NDArray[Any]], *, pad: bool) -> Shape:
    """Returns the largest size of every dimension but the first. `name` is that of the tensor in the graph.

    Raises FailedPrecondition if the sizes differ and `pad` is False, or if the numbers of dimensions differ.
    """
    shapes = {array.shape[1:] for array in arrays}
    if len(shapes) == 1:
        return shapes.pop()
    if not pad:
        raise FailedPrecondition(
            f"Tensors with name '{name}' from different tasks have different shapes and padding is turned off. "
            "Set pad_variable_length_inputs to true, or ensure that all tensors with the same name have equal "
            "dimensions starting with the first dim."
        )
    ranks = sorted({len(shape) + 1 for shape in shapes})
    if len(ranks) > 1:
        raise FailedPrecondition(
            f"Tensors with name '{name}' from different tasks have different numbers of dimensions, "
            f"{' and '.join(map(str, ranks))}, which padding cannot make equal: send tensors of one rank"
        )
    return tuple(max(sizes) for sizes in zip(*shapes, strict=True))


def padded(array: NDArray[Any], shape: Shape) -> NDArray[Any]:
    """Returns an array whose dimensions but the first have these sizes, filled up with the array's first element.

    Raises InvalidArgument, with TensorFlow Serving's texts, if it must be filled up and has no element, or more than
    `MAX_RANK` dimensions.
    """
    if array.shape[1:] == shape:
        return array
    if array.ndim > MAX_RANK:
        raise InvalidArgument(f"Only tensors with rank from 1 to {MAX_RANK} can be padded.")
    if not array.size:
        raise InvalidArgument("Got empty tensor in batch of non-empty tensors.")
    whole: NDArray[Any] = np.empty((array.shape[0], *shape), array.dtype)
    whole.fill(array.flat[0])  # np.full would cut zero bytes off the end of a string
    whole[tuple(slice(size) for size in array.shape)] = array
    return whole
