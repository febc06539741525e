"""Converts the arrays of a model's outputs to those that users get."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def output_array(array: NDArray[Any], name: str) -> NDArray[Any]:
    """The writable array of an output, as a client returns it over REST and gRPC.

    Strings, which are bytes in `array`, become `str`, or stay `bytes` if the name ends in `_bytes`; bfloat16 becomes
    float32.
    """
    if array.dtype.hasobject:
        return array if name.endswith("_bytes") else _texts(array)
    if array.dtype.name == "bfloat16":
        return array.astype(np.float32)
    return array if array.flags.writeable else array.copy()


def _texts(array: NDArray[Any]) -> NDArray[np.object_]:
    texts = np.empty(array.size, object)
    texts[:] = [value.decode("utf-8", "replace") for value in array.ravel().tolist()]
    return texts.reshape(array.shape)
