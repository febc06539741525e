"""Colour maps that everybody can read."""

from __future__ import annotations

import numpy as np
import pytest

from lightship.errors import InvalidArgument
from lightship.images.colormaps import COLORMAPS, DEFAULT_COLORMAP, check_colormap, color_table

# How people without one kind of cones see linear RGB: Machado, Oliveira and Fernandes, 2009, severity 1.
SIGHTS = {
    "all cones": np.eye(3),
    "protanopia": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "deuteranopia": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
    "tritanopia": np.array([[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]),
}


@pytest.mark.parametrize("name", COLORMAPS)
@pytest.mark.parametrize("sight", SIGHTS)
def test_a_higher_value_is_brighter_for_everybody(name: str, sight: str) -> None:
    color = color_table(name) / 255
    linear = np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)
    luminance = linear @ SIGHTS[sight].T @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance[::8]) > 0).all()
    assert luminance[-1] - luminance[0] > 0.5


@pytest.mark.parametrize("name", COLORMAPS)
def test_a_table_has_256_colours_that_nobody_can_change(name: str) -> None:
    table = color_table(name)
    assert (table.shape, table.dtype) == ((256, 3), np.uint8)
    assert np.abs(np.diff(table.astype(int), axis=0)).max() <= 8, "neighbours look alike"
    with pytest.raises(ValueError, match="read-only"):
        table[0] = 0


def test_the_default_is_one_of_them() -> None:
    assert DEFAULT_COLORMAP in COLORMAPS


def test_an_unknown_one_is_refused_with_the_nearest() -> None:
    with pytest.raises(InvalidArgument, match="there is no colormap 'viridus': did you mean 'viridis'"):
        check_colormap("viridus")
    with pytest.raises(InvalidArgument, match="known are cividis, viridis"):
        color_table("jet")
