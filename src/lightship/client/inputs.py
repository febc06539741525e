"""What users give for the inputs of a signature, as arrays of the dtypes that it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lightship.client.results import SignatureInfo
from lightship.errors import InvalidArgument

Inputs = ArrayLike | bytes | Mapping[str, "ArrayLike | bytes"]
Example = Mapping[str, "ArrayLike | bytes"]

# Which kinds of values each kind of dtype takes; bfloat16 is numpy's "V".
_TAKEN = {"f": "iuf", "V": "iuf", "c": "iufc", "i": "iu", "u": "iu", "b": "b"}


def array_of(value: ArrayLike | bytes, name: str) -> NDArray[Any]:
    """A value as an array; texts and bytes as objects. Raises InvalidArgument for ragged lists."""
    try:
        array = np.asarray(value)
    except UnicodeDecodeError:  # bytes and texts together
        return np.asarray(value, dtype=object)
    except ValueError as error:
        raise InvalidArgument(f"{name}: its rows differ in length, so it is no tensor ({error})") from error
    # numpy's own type for bytes would drop their zeros at the end.
    return np.asarray(value, dtype=object) if array.dtype.kind in "SU" else array


def by_name(inputs: Inputs, known: SignatureInfo) -> Mapping[str, ArrayLike | bytes]:
    """One value belongs to the only input. Raises InvalidArgument where there are several."""
    if isinstance(inputs, Mapping):
        return inputs
    if len(known.inputs) != 1:
        raise InvalidArgument(f"the signature has the inputs {', '.join(known.inputs)}: give each by its name")
    return {next(iter(known.inputs)): inputs}


def fitted(array: NDArray[Any], name: str, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The values in the dtype of an input; a wider float is rounded, as JSON's numbers are too.

    Raises InvalidArgument for values that it cannot hold.
    """
    if array.dtype == dtype:
        return array
    with np.errstate(over="ignore", invalid="ignore"):
        taken = array.dtype.kind in _TAKEN.get(dtype.kind, "") or array.size == 0
        cast = array.astype(dtype) if taken else None
    if cast is None or (dtype.kind in "iu" and not np.array_equal(cast, array)):
        raise InvalidArgument(f"input {name} is {dtype}; values of {array.dtype} were given that it cannot hold")
    return cast
