"""Small changes of photos."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf  # noqa: F401

from lightship.errors import InvalidArgument
from lightship.training.augmentation import Augmentation, augmented

PHOTO = np.random.default_rng(0).integers(0, 256, (21, 30, 3), np.uint8)


def changed(augmentation: Augmentation, seed: int = 0, photo: np.ndarray = PHOTO) -> np.ndarray:
    return augmented([photo], augmentation, [np.random.default_rng(seed)])[0]


def test_no_change_leaves_every_pixel():
    assert np.allclose(changed(Augmentation.none()), PHOTO, atol=1e-3)


def test_half_of_the_photos_are_mirrored():
    found = [changed(Augmentation(flip=True), seed) for seed in range(20)]
    mirrored = [np.allclose(one, PHOTO[:, ::-1], atol=1e-3) for one in found]
    assert 4 < sum(mirrored) < 16
    assert all(np.allclose(one, PHOTO, atol=1e-3) for one, flag in zip(found, mirrored, strict=True) if not flag)


def test_a_photo_is_moved_by_at_most_the_share_of_its_sides():
    dot = np.zeros((21, 21, 1), np.uint8)
    dot[10, 10] = 255
    for seed in range(20):
        moved = changed(Augmentation(shift=0.2), seed, dot)
        mass = moved[..., 0] / moved.sum()
        centre = np.array([(mass.sum(1) * np.arange(21)).sum(), (mass.sum(0) * np.arange(21)).sum()])
        assert np.all(np.abs(centre - 10) <= 0.2 * 21 + 0.01)


def test_a_turned_photo_turns_around_its_middle():
    photo = np.zeros((21, 21, 1), np.uint8)
    photo[9:12, 9:12] = 200
    turned = changed(Augmentation(rotation=180.0), 3, photo)
    mass = turned[..., 0] / turned.sum()
    assert (mass.sum(1) * np.arange(21)).sum() == pytest.approx(10, abs=0.05)
    assert (mass.sum(0) * np.arange(21)).sum() == pytest.approx(10, abs=0.05)


def test_a_zoomed_photo_keeps_its_middle():
    zoomed = changed(Augmentation(zoom=0.5), 1, np.full((9, 9, 3), 77, np.uint8))
    assert np.allclose(zoomed, 77, atol=1e-3)


@pytest.mark.parametrize("name", ["brightness", "contrast"])
def test_light_changes_within_its_bounds(name):
    grey = np.full((8, 8, 3), 100, np.uint8)
    grey[:4] = 150
    for seed in range(10):
        one = changed(Augmentation(**{name: 0.1}), seed, grey)
        assert np.abs(one - grey).max() <= (25.5 if name == "brightness" else 2.6)
        assert np.abs(one - grey).max() > 0


def test_pixels_stay_between_0_and_255():
    one = changed(Augmentation(brightness=1.0, contrast=1.0), 5)
    assert one.min() >= 0
    assert one.max() <= 255


def test_a_photo_changes_alike_alone_and_among_others():
    options, draws = Augmentation.standard(), [np.random.default_rng((1, index)) for index in range(3)]
    together = augmented([PHOTO, PHOTO[::-1], PHOTO[:, ::-1]], options, draws)
    alone = augmented([PHOTO[::-1]], options, [np.random.default_rng((1, 1))])
    assert np.array_equal(together[1], alone[0])


def test_one_option_does_not_change_what_another_draws():
    one = changed(Augmentation(brightness=0.1), 4).mean() > PHOTO.mean()
    both = changed(Augmentation(brightness=0.1, flip=True), 4).mean() > PHOTO.mean()
    assert one == both


@pytest.mark.parametrize(("name", "value"), [("shift", 0.6), ("zoom", -0.1), ("rotation", "1"), ("contrast", True)])
def test_numbers_out_of_range_are_refused(name, value):
    with pytest.raises(InvalidArgument, match=name):
        Augmentation(**{name: value})
