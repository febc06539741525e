"""Random inputs for a signature, and whether two answers are equal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.bundle.dtypes import DataType
from lightship.bundle.saved_model import Signature, TensorSpec

# Of a composition of operations; float32 gets this far apart by the order of its sums.
RTOL, ATOL = 1e-3, 1e-4
# Of both kinds: bf16 keeps 8 bits of the mantissa, and errors add up through the layers.
BF16_TOLERANCE = 0.05
# For dimensions that are free besides the first.
_FREE_SIZE = 3
_MAX_ELEMENTS = 1 << 24


def random_inputs(signature: Signature, rows: int, rng: np.random.Generator) -> dict[str, NDArray[Any]] | None:
    """An array for each input, with `rows` where the first dimension is free; None where no guess is possible: an
    unknown rank, strings, or a size beyond 16 million elements."""
    arrays = {name: _random(spec, rows, rng) for name, spec in signature.inputs.items()}
    known = {name: array for name, array in arrays.items() if array is not None}
    return known if len(known) == len(arrays) else None


def whole_numbers(inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The same shapes and types with zeros and ones, for models that take their floats as indices."""
    return {
        name: (np.abs(array) > 0.7).astype(array.dtype) if array.dtype.kind == "f" else array
        for name, array in inputs.items()
    }


def difference(expected: NDArray[Any], found: NDArray[Any], rtol: float = RTOL, atol: float = ATOL) -> str | None:
    """What is different, with the figure; None if nothing is. Floats may differ by `atol` + `rtol` * |expected|, and
    NaN equals NaN; integers, bools, strings, types and shapes may not differ."""
    if (expected.dtype, expected.shape) != (found.dtype, found.shape):
        return f"{found.dtype}{list(found.shape)} instead of {expected.dtype}{list(expected.shape)}"
    if expected.dtype.kind not in "fcV":
        different = int((expected != found).sum())
        return f"{different} of {expected.size} values differ" if different else None
    wide = np.float64 if expected.dtype.kind != "c" else np.complex128
    left, right = expected.astype(wide), found.astype(wide)
    with np.errstate(invalid="ignore"):
        if np.allclose(right, left, rtol, atol, equal_nan=True):
            return None
        return f"differs by up to {np.nanmax(np.abs(left - right)):.3g}"


def differences(
    expected: Mapping[str, NDArray[Any]], found: Mapping[str, NDArray[Any]], rtol: float = RTOL, atol: float = ATOL
) -> str | None:
    """The first output that is different, and by how much; None if none is."""
    for name, array in expected.items():
        different = difference(array, found[name], rtol, atol)
        if different is not None:
            return f'output "{name}": {different}'
    return None


def _random(spec: TensorSpec, rows: int, rng: np.random.Generator) -> NDArray[Any] | None:
    if spec.shape is None or spec.dtype in (DataType.DT_STRING, DataType.DT_INVALID) or not spec.tensor:
        return None
    sizes = (rows, *[_FREE_SIZE] * len(spec.shape))
    shape = tuple(size if size != -1 else sizes[min(index, 1)] for index, size in enumerate(spec.shape))
    if np.prod(shape, dtype=float) > _MAX_ELEMENTS:
        return None
    dtype = np.dtype(spec.dtype.numpy)
    if dtype.kind in "biu":
        # Small ones, which are valid indices nearly everywhere.
        return rng.integers(0, 2, shape).astype(dtype)
    return rng.normal(size=shape).astype(dtype)
