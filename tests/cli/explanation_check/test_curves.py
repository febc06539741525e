"""Deletion and insertion curves of images whose right answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lightship.cli.explanation_check.curves import STEPS, area, curves, enlarged, rank_correlation
from lightship.client import ModelMetadata, SignatureInfo, TensorInfo
from lightship.client.explanations import Region
from lightship.client.masked_images import TensorImages


def images(region: Region | None = None, size: tuple[int, int] = (24, 24)) -> TensorImages:
    signature = SignatureInfo("predict", {"x": TensorInfo("DT_FLOAT", (-1, *size, 1), "x:0")}, {})
    known = ModelMetadata("m", 1, {"serving_default": signature})
    return TensorImages(np.ones((*size, 1), np.float32), np.zeros((), np.float32), known, region=region)


def left(masks: NDArray[np.float32], blurred: bool) -> NDArray[np.float32]:
    """The score of class 1 is the share of the left half that is visible."""
    visible = masks[:, :, :12].mean(axis=(1, 2))
    return np.stack([1 - visible, visible], axis=1)


LEFT = np.repeat([[1.0, 0.0]], 2, axis=0).astype(np.float32).repeat(12, 0).repeat(12, 1)


def test_a_right_map_falls_and_rises_at_once() -> None:
    (right, wrong) = curves(images(), left, 1, [LEFT, -LEFT], insertion=False)
    assert len(right) == STEPS + 1
    assert area(right) == pytest.approx(0.25, abs=0.01)
    assert area(wrong) == pytest.approx(0.75, abs=0.01)
    (right, wrong) = curves(images(), left, 1, [LEFT, -LEFT], insertion=True)
    assert (right[0], right[-1], wrong[0], wrong[-1]) == (0, 1, 0, 1)
    assert area(right) == pytest.approx(0.75, abs=0.01)
    assert area(wrong) == pytest.approx(0.25, abs=0.01)


def test_an_area_is_that_under_the_curve() -> None:
    assert area(np.array([1.0, 0.0])) == 0.5
    assert area(np.array([0.0, 1.0, 1.0])) == 0.75
    assert area(np.full(STEPS + 1, 0.3)) == pytest.approx(0.3)


def test_a_map_is_enlarged_between_the_centres_of_its_cells() -> None:
    large = enlarged(np.float32([[0, 1]]), (0, 0, 1, 1), images((0, 0, 1, 1)))
    np.testing.assert_allclose(large[0], large[-1])
    np.testing.assert_allclose(large[0, :6], 0, atol=1e-6)
    np.testing.assert_allclose(large[0, 18:], 1, atol=1e-6)
    np.testing.assert_allclose(large[0, 11:13].mean(), 0.5, atol=1e-6)


def test_a_map_of_a_cropped_photo_lies_on_the_part_that_it_covers() -> None:
    """What it does not cover comes last."""
    large = enlarged(np.float32([[1, 0]]), (0.25, 0, 0.75, 1), images((0, 0, 1, 1)))
    assert set(large[:, :6].ravel()) == set(large[:, 18:].ravel()) == {-1.0}
    assert large[0, 6] == 1
    assert large[0, 17] == 0
    same = enlarged(np.float32([[1, 0]]), (0.25, 0, 0.75, 1), images((0.25, 0, 0.75, 1)))
    np.testing.assert_array_equal(same, enlarged(np.float32([[1, 0]]), None, images()))


def test_ranks_of_equal_numbers_are_shared() -> None:
    one = np.float32([[1, 2], [3, 4]])
    assert rank_correlation(one, one * 100 - 7) == pytest.approx(1)
    assert rank_correlation(one, -one) == pytest.approx(-1)
    assert rank_correlation(one, np.zeros((2, 2), np.float32)) == 0
    tied = np.float32([[1, 1], [2, 2]])
    assert rank_correlation(one, tied) == pytest.approx(0.894427, abs=1e-5)
