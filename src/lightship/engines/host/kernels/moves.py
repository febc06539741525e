"""Operations that only move elements, or tell shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.engines.host.kernels.kernel import ANY, INTEGERS, NUMBERS, Attributes, Kernel, Run, check_size
from lightship.errors import InvalidArgument
from lightship.tensors.dtypes import DataType


def _identity(attributes: Attributes) -> Run:
    attributes.type("T", ANY)
    return lambda array: (array,)


def _shape(attributes: Attributes) -> Run:
    dtype = attributes.type("out_type", INTEGERS, DataType.DT_INT32).numpy
    return lambda array: (np.array(array.shape, dtype),)


def _size(attributes: Attributes) -> Run:
    dtype = attributes.type("out_type", INTEGERS, DataType.DT_INT32).numpy
    return lambda array: (np.array(array.size, dtype),)


def _reshape(attributes: Attributes) -> Run:
    attributes.type("T", ANY)

    def run(array: NDArray[Any], shape: NDArray[Any]) -> tuple[Any, ...]:
        wanted = shape.ravel().tolist()
        if array.size == 0 and -1 in wanted:
            rest = int(np.prod([size for size in wanted if size != -1]))
            if rest:
                wanted[wanted.index(-1)] = 0
        try:
            return (array.reshape(wanted),)
        except ValueError as error:
            raise InvalidArgument(
                f"Input to reshape is a tensor with {array.size} values, but the requested shape has {wanted}"
            ) from error

    return run


def _squeeze(attributes: Attributes) -> Run:
    attributes.type("T", ANY)
    axes = attributes.integers("squeeze_dims")

    def run(array: NDArray[Any]) -> tuple[Any, ...]:
        if any(not -array.ndim <= axis < array.ndim for axis in axes):
            raise InvalidArgument(f"Tried to squeeze dim index {axes[0]} for tensor with {array.ndim} dimensions.")
        along = tuple({axis % array.ndim for axis in axes})
        wrong = [axis for axis in along if array.shape[axis] != 1]
        if wrong:
            raise InvalidArgument(
                f"Can not squeeze dim[{wrong[0]}], expected a dimension of 1, got {array.shape[wrong[0]]}"
            )
        return (array.squeeze(along or None),)

    return run


def _expand_dims(attributes: Attributes) -> Run:
    attributes.type("T", ANY)

    def run(array: NDArray[Any], axis: NDArray[Any]) -> tuple[Any, ...]:
        along = int(axis.ravel()[0])
        if not -array.ndim - 1 <= along <= array.ndim:
            raise InvalidArgument(f"Tried to expand dim index {along} for tensor with {array.ndim} dimensions.")
        return (np.expand_dims(array, along),)

    return run


def _concat(attributes: Attributes) -> Run:
    attributes.type("T", ANY)

    def run(*operands: NDArray[Any]) -> tuple[Any, ...]:
        *arrays, axis = operands
        try:
            return (np.concatenate(arrays, int(axis)),)
        except ValueError as error:
            raise InvalidArgument(f"ConcatOp : Dimension 1 in both shapes must be equal: {error}") from error

    return run


def _pack(attributes: Attributes) -> Run:
    attributes.type("T", ANY)
    axis = attributes.integer("axis")

    def run(*arrays: NDArray[Any]) -> tuple[Any, ...]:
        try:
            return (np.stack(arrays, axis),)
        except ValueError as error:
            raise InvalidArgument(f"Shapes of all inputs must match: {error}") from error

    return run


def _strided_slice(attributes: Attributes) -> Run:
    attributes.type("T", ANY)
    for mask in ("ellipsis_mask", "new_axis_mask"):
        if attributes.integer(mask):
            raise attributes.refuse(f"with {mask}")
    begin_mask, end_mask = attributes.integer("begin_mask"), attributes.integer("end_mask")
    shrink_mask = attributes.integer("shrink_axis_mask")

    def run(array: NDArray[Any], begins: NDArray[Any], ends: NDArray[Any], strides: NDArray[Any]) -> tuple[Any, ...]:
        if len(begins) > array.ndim:
            raise InvalidArgument(f"Index out of range using input dim {array.ndim}; input has only {array.ndim} dims")
        picked: list[int | slice] = []
        for axis, (begin, end, stride) in enumerate(zip(begins.tolist(), ends.tolist(), strides.tolist(), strict=True)):
            if shrink_mask >> axis & 1:
                size = array.shape[axis]
                if not -size <= begin < size:
                    raise InvalidArgument(f"slice index {begin} of dimension {axis} out of bounds.")
                picked.append(begin)
            elif not stride:
                raise InvalidArgument(f"strides[{axis}] must be non-zero")
            else:
                first, last = begin_mask >> axis & 1, end_mask >> axis & 1
                picked.append(slice(None if first else begin, None if last else end, stride))
        return (_as_array(array[tuple(picked)], array.dtype),)

    return run


def _one_hot(attributes: Attributes) -> Run:
    dtype = attributes.type("T", NUMBERS)
    attributes.type("TI", INTEGERS, DataType.DT_INT64)
    axis = attributes.integer("axis", -1)

    def run(indices: NDArray[Any], depth: NDArray[Any], on: NDArray[Any], off: NDArray[Any]) -> tuple[Any, ...]:
        if depth.ndim or int(depth) < 0:
            raise InvalidArgument(f"depth must be non-negative, got: {depth.ravel().tolist()}")
        if not -1 <= axis <= indices.ndim:
            raise InvalidArgument(f"Expected axis to be -1 or between [0, {indices.ndim}].  But received: {axis}")
        check_size((indices.size, int(depth)))
        picked = np.expand_dims(indices, axis)
        along = [1] * picked.ndim
        along[axis] = int(depth)
        found = np.where(picked == np.arange(int(depth)).reshape(along), on, off)
        return (found.astype(dtype.numpy),)

    return run


def _as_array(value: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Returns an array also of a single element, which may be bytes."""
    if isinstance(value, np.ndarray):
        return value
    array = np.empty((), dtype)
    array[()] = value
    return array


KERNELS: Mapping[str, Kernel] = {
    "ConcatV2": _concat,
    "ExpandDims": _expand_dims,
    "Identity": _identity,
    "OneHot": _one_hot,
    "Pack": _pack,
    "Reshape": _reshape,
    "Shape": _shape,
    "Size": _size,
    "Squeeze": _squeeze,
    "StridedSlice": _strided_slice,
}
