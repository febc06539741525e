from __future__ import annotations

import numpy as np
import pytest

from lightship.images.spec import METHODS
from lightship.images.weights import ONE, pillow_weights


@pytest.mark.parametrize("method", METHODS["pillow"])
@pytest.mark.parametrize(
    ("size", "out", "low", "high"), [(100, 7, 0, 100), (5, 90, 0, 5), (300, 40, 20, 231), (1, 1, 0, 1)]
)
def test_the_weights_of_a_pixel_lie_in_the_image_and_add_up_to_one(
    method: str, size: int, out: int, low: int, high: int
) -> None:
    found = pillow_weights(method, size, out, low, high)
    assert found is not None
    assert len(found.first) == len(found.weights) == out
    used = found.weights != 0
    last = found.first + used.shape[1] - 1 - used[:, ::-1].argmax(axis=1)
    assert (found.first >= 0).all()
    assert (last < size).all()
    np.testing.assert_allclose(found.weights.sum(axis=1), ONE, atol=used.shape[1])


def test_the_same_size_needs_no_weights_but_one() -> None:
    found = pillow_weights("lanczos", 9, 9, 0, 9)
    assert found is not None
    assert found.first.tolist() == list(range(9))
    assert found.weights.tolist() == [[ONE]] * 9


def test_the_weights_of_a_side_that_is_far_too_long_are_not_asked_for() -> None:
    assert pillow_weights("bicubic", 65_535, 10, 0, 65_535) is None
