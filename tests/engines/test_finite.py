"""Requests with NaN, infinities or huge numbers are found in every type of floats."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import DTypeLike

from lightship.engines.base import CannotRun
from lightship.engines.finite import require_finite

TYPES = (np.float16, np.float32, np.float64, np.complex64)


@pytest.mark.parametrize("dtype", TYPES)
def test_a_photo_of_any_type_is_finite(dtype: DTypeLike) -> None:
    require_finite({"x": np.full((1, 160, 160, 3), 255, dtype)}, ["x"])


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_a_single_number_that_is_not_finite_is_found(dtype: DTypeLike, number: float) -> None:
    photo = np.ones((1, 160, 160, 3), dtype)
    photo[0, 80, 80, 1] = number
    with pytest.raises(CannotRun, match='input "x" holds NaN, infinity or numbers beyond 1e18'):
        require_finite({"y": np.ones(1, dtype), "x": photo}, ["y", "x"])
