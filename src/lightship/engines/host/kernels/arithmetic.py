"""Arithmetic of integers, comparisons, reductions and counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.engines.base import CannotRun, fits_int32
from lightship.engines.host.kernels.kernel import ANY, INTEGERS, NUMBERS, Attributes, Kernel, Run, check_size
from lightship.errors import InvalidArgument
from lightship.tensors.dtypes import DataType

_BITS_EXACT = {np.dtype(np.int32): 2.0**31, np.dtype(np.int64): 2.0**63}


def _binary(function: Any, allowed: frozenset[DataType] = INTEGERS) -> Kernel:
    def kernel(attributes: Attributes) -> Run:
        attributes.type("T", allowed)

        def run(a: NDArray[Any], b: NDArray[Any]) -> tuple[Any, ...]:
            try:
                return (function(a, b),)
            except ValueError as error:
                raise InvalidArgument(f"Incompatible shapes: {_listed(a.shape)} vs. {_listed(b.shape)}") from error

        return run

    return kernel


def _listed(shape: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, shape))}]"


def _equal(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(a == b, bool) if a.dtype != object else np.asarray(np.equal(a, b, dtype=object), bool)


def _not_equal(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    return ~_equal(a, b)


def _select(attributes: Attributes) -> Run:
    attributes.type("T", ANY)

    def run(condition: NDArray[Any], a: NDArray[Any], b: NDArray[Any]) -> tuple[Any, ...]:
        try:
            return (np.where(condition, a, b),)
        except ValueError as error:
            raise InvalidArgument("condition, then and else of SelectV2 must be broadcastable") from error

    return run


def _cast(attributes: Attributes) -> Run:
    source, target = attributes.type("SrcT", NUMBERS), attributes.type("DstT", NUMBERS)
    if attributes.flag("Truncate"):
        raise attributes.refuse("with Truncate")
    dtype = target.numpy

    def run(array: NDArray[Any]) -> tuple[Any, ...]:
        if source is DataType.DT_FLOAT and target in INTEGERS:
            limit = _BITS_EXACT[dtype]
            if array.size and not bool((array < limit).all() and (array >= -limit).all()):  # false for NaN
                raise CannotRun("Cast of NaN or of numbers that the integer type does not hold")
        return (array.astype(dtype),)

    return run


def _reduction(function: Any, of_nothing: str) -> Kernel:
    """`of_nothing`: whether no elements give the "min" or the "max" of the integers."""

    def kernel(attributes: Attributes) -> Run:
        dtype = attributes.type("T", INTEGERS).numpy
        keep = attributes.flag("keep_dims")
        initial = getattr(np.iinfo(dtype), of_nothing)

        def run(array: NDArray[Any], axes: NDArray[Any]) -> tuple[Any, ...]:
            chosen = [int(axis) for axis in axes.ravel()]
            wrong = [axis for axis in chosen if not -array.ndim <= axis < array.ndim]
            if wrong:
                raise InvalidArgument(
                    f"Invalid reduction dimension ({wrong[0]} for input with {array.ndim} dimension(s)"
                )
            along = tuple({axis % array.ndim for axis in chosen})
            return (np.asarray(function(array, axis=along, keepdims=keep, initial=initial), dtype),)

        return run

    return kernel


def _cumsum(attributes: Attributes) -> Run:
    attributes.type("T", INTEGERS)
    if attributes.flag("exclusive") or attributes.flag("reverse"):
        raise attributes.refuse("that is exclusive or reversed")

    def run(array: NDArray[Any], axis: NDArray[Any]) -> tuple[Any, ...]:
        if not -array.ndim <= int(axis) < array.ndim:
            raise InvalidArgument(f"ScanOp: Expected scan axis in the range [{-array.ndim}, {array.ndim})")
        return (np.cumsum(array, int(axis), dtype=array.dtype),)

    return run


def _dense_bincount(attributes: Attributes) -> Run:
    attributes.type("Tidx", INTEGERS)
    dtype = attributes.type("T", NUMBERS - {DataType.DT_BOOL}).numpy
    binary = attributes.flag("binary_output")

    def run(values: NDArray[Any], size: NDArray[Any], weights: NDArray[Any]) -> tuple[Any, ...]:
        _check_bins(values, size, weights, dtype)
        if values.ndim > 2 or not values.ndim:
            raise InvalidArgument("Shape must be at most rank 2 but is rank " + str(values.ndim))
        rows = np.arange(len(values)).repeat(values.shape[1]) if values.ndim == 2 else None
        return (_counted(values.ravel(), rows, len(values), int(size), dtype, binary),)

    return run


def _ragged_bincount(attributes: Attributes) -> Run:
    attributes.type("Tidx", INTEGERS)
    dtype = attributes.type("T", NUMBERS - {DataType.DT_BOOL}).numpy
    binary = attributes.flag("binary_output")

    def run(splits: NDArray[Any], values: NDArray[Any], size: NDArray[Any], weights: NDArray[Any]) -> tuple[Any, ...]:
        _check_bins(values, size, weights, dtype)
        if not splits.size or splits[0] != 0 or splits[-1] != len(values) or (np.diff(splits) < 0).any():
            raise CannotRun("RaggedBincount of splits that do not ascend from 0 to the number of values")
        rows = np.arange(len(splits) - 1).repeat(np.diff(splits))
        return (_counted(values, rows, len(splits) - 1, int(size), dtype, binary),)

    return run


def _check_bins(values: NDArray[Any], size: NDArray[Any], weights: NDArray[Any], dtype: np.dtype[Any]) -> None:
    if weights.size:
        raise CannotRun("counts with weights are not made without TensorFlow")
    if size.size != 1 or size.ravel()[0] < 0:
        raise InvalidArgument(f"size ({size.ravel().tolist()}) must be non-negative")
    if not fits_int32(values):
        raise CannotRun("counts of integers beyond 32 bits")
    if values.size and values.min() < 0:
        raise InvalidArgument("Input arr must be non-negative!")


def _counted(
    values: NDArray[Any], rows: NDArray[Any] | None, count: int, size: int, dtype: np.dtype[Any], binary: bool
) -> NDArray[Any]:
    """Counts the values below `size`, by row if there are rows."""
    kept = values < size
    places = values[kept] if rows is None else rows[kept] * size + values[kept]
    shape = (size,) if rows is None else (count, size)
    check_size(shape)
    if binary:
        found = np.zeros(int(np.prod(shape)), dtype)
        found[places] = 1
    else:
        found = np.bincount(places.astype(np.int64), minlength=int(np.prod(shape))).astype(dtype)
    return found.reshape(shape)


def _bucketize(attributes: Attributes) -> Run:
    attributes.type("T", frozenset({DataType.DT_FLOAT, *INTEGERS}))
    boundaries = np.array(attributes.floats("boundaries"), np.float32)
    if (np.diff(boundaries) < 0).any():
        raise InvalidArgument("Expected sorted boundaries")

    def run(array: NDArray[Any]) -> tuple[Any, ...]:
        if array.dtype.kind == "f" and np.isnan(array).any():
            raise CannotRun("Bucketize of NaN")
        if array.dtype == np.int64 and array.size and np.abs(array).max() > 1 << 24:
            raise CannotRun("Bucketize of integers that float32 does not hold")
        return (np.searchsorted(boundaries, array, "right").astype(np.int32),)

    return run


KERNELS: Mapping[str, Kernel] = {
    "Add": _binary(np.add),
    "AddV2": _binary(np.add),
    "Bucketize": _bucketize,
    "Cast": _cast,
    "Cumsum": _cumsum,
    "DenseBincount": _dense_bincount,
    "Equal": _binary(_equal, frozenset({*INTEGERS, DataType.DT_STRING})),
    "Greater": _binary(np.greater),
    "GreaterEqual": _binary(np.greater_equal),
    "Less": _binary(np.less),
    "LessEqual": _binary(np.less_equal),
    "Max": _reduction(np.max, "min"),
    "Maximum": _binary(np.maximum),
    "Min": _reduction(np.min, "max"),
    "Minimum": _binary(np.minimum),
    "Mul": _binary(np.multiply),
    "NotEqual": _binary(_not_equal, frozenset({*INTEGERS, DataType.DT_STRING})),
    "RaggedBincount": _ragged_bincount,
    "SelectV2": _select,
    "Sub": _binary(np.subtract),
}
