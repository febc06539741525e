"""Colour maps for heat maps: each a few colours, between which the others lie on straight lines.

All but "gray" go from dark to bright with a change of hue that people with any kind of colour blindness can see, and
their brightness rises evenly, so that they can be read in black and white too.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from lightship.errors import InvalidArgument
from lightship.images.preprocessing import nearest_name

DEFAULT_COLORMAP = "cividis"

_ANCHORS = {
    "cividis": "00224e 123570 3b496c 575d6d 707173 8a8678 a59c74 c3b369 e1cc55 fee838",
    "viridis": "440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725",
    "inferno": "000004 1b0c41 4a0c6b 781c6d a52c60 cf4446 ed6925 fb9b06 f7d13d fcffa4",
    "gray": "000000 ffffff",
}
COLORMAPS: tuple[str, ...] = tuple(_ANCHORS)


def check_colormap(name: str) -> None:
    """Raises InvalidArgument, with the nearest name, if there is no such colour map."""
    if name not in _ANCHORS:
        raise InvalidArgument(f"there is no colormap {name[:64]!r}: {nearest_name(name[:64], COLORMAPS)}")


@cache
def color_table(name: str) -> NDArray[np.uint8]:
    """Returns 256 colours from the lowest value to the highest, uint8 [256, 3] as red, green and blue.

    Raises InvalidArgument if there is no colour map of this name.
    """
    check_colormap(name)
    anchors = np.array([list(bytes.fromhex(color)) for color in _ANCHORS[name].split()], float)
    places = np.linspace(0, len(anchors) - 1, 256)
    channels = [np.interp(places, np.arange(len(anchors)), channel) for channel in anchors.T]
    table: NDArray[np.uint8] = np.rint(np.stack(channels, axis=1)).astype(np.uint8)
    table.flags.writeable = False  # all callers share it
    return table
