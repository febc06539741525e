"""Finds requests with NaN, infinities or huge numbers, which engines other than TensorFlow treat differently."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.engines.base import Arrays, CannotRun


def require_finite(inputs: Arrays, names: Iterable[str]) -> None:
    """Raises CannotRun if one of these inputs, which hold floats, has NaN, an infinity or a huge number."""
    for name in names:
        if not _is_finite(inputs[name]):
            raise CannotRun(f'input "{name}" holds NaN, infinity or numbers beyond 1e18')


def _is_finite(array: NDArray[Any]) -> bool:
    if array.dtype == np.float16:  # the product of a photo would be beyond the largest number, 65504
        return bool(np.isfinite(array).all())
    # If this product is finite, all numbers are, and sums over an image or a layer stay finite too. It takes a third of
    # the time of looking at each.
    return math.isfinite(abs(np.vdot(array, array)))
