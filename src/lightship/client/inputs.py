"""Converts the values that users give for a signature's inputs to arrays of its dtypes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lightship.client.results import SignatureInfo
from lightship.errors import InvalidArgument

Inputs = ArrayLike | bytes | Mapping[str, "ArrayLike | bytes"]
Example = Mapping[str, "ArrayLike | bytes"]

# The kinds of numpy dtypes that can be converted to each kind; bfloat16 has the kind "V".
_CONVERTIBLE = {"f": "iuf", "V": "iuf", "c": "iufc", "i": "iu", "u": "iu", "b": "b"}


def array_of(value: ArrayLike | bytes, name: str) -> NDArray[Any]:
    """A value as an array, of objects for strings and bytes. Raises InvalidArgument for lists of different lengths."""
    try:
        array = np.asarray(value)
    except UnicodeDecodeError:  # bytes and strings together
        return np.asarray(value, dtype=object)
    except ValueError as error:
        raise InvalidArgument(
            f"{name}: the rows have different lengths ({error}): give rows of the same length"
        ) from error
    # numpy's type for bytes would drop trailing zeros.
    return np.asarray(value, dtype=object) if array.dtype.kind in "SU" else array


def by_name(inputs: Inputs, known: SignatureInfo) -> Mapping[str, ArrayLike | bytes]:
    """Returns the inputs as a mapping from names to values. A single value is assigned to the signature's only input.

    Raises InvalidArgument if a single value is given and the signature does not have exactly one input.
    """
    if isinstance(inputs, Mapping):
        return inputs
    if len(known.inputs) != 1:
        raise InvalidArgument(
            f"one value was given, but the signature's inputs are {', '.join(known.inputs) or 'none'}: give a mapping "
            "of their names to values"
        )
    return {next(iter(known.inputs)): inputs}


def fitted(array: NDArray[Any], name: str, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The values in the dtype of an input. Wider floats are rounded, as in JSON.

    Raises InvalidArgument for values that do not fit the dtype.
    """
    if array.dtype == dtype:
        return array
    with np.errstate(over="ignore", invalid="ignore"):
        convertible = array.dtype.kind in _CONVERTIBLE.get(dtype.kind, "") or array.size == 0
        cast = array.astype(dtype) if convertible else None
    if cast is None or (dtype.kind in "iu" and not np.array_equal(cast, array)):
        raise InvalidArgument(
            f"input {name} is {dtype}, which cannot hold the given values of {array.dtype}: convert them"
        )
    return cast
