"""Draws the map of an explanation over its photo."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lightship.client.photos import encoded
from lightship.client.rise import RISE
from lightship.images.overlay import overlay

if TYPE_CHECKING:
    from lightship.client.explanations import Explanation
    from lightship.client.photos import Photo

_MIN_SIDE = 224  # pixels of a picture without a photo
_NOTEBOOK_SIDE = 320  # pixels of the longer side in a notebook


def draw_overlay(shown: Explanation, photo: Photo | None, colormap: str | None, alpha: float | None) -> Image.Image:
    """See `Explanation.overlay`."""
    chosen: dict[str, Any] = {"colormap": colormap, "alpha": alpha}
    given = {name: value for name, value in chosen.items() if value is not None}
    heat = _heat(shown)
    under = encoded(photo) if photo is not None else shown.photo
    if under is None:  # the map alone
        return _image(overlay(_canvas(heat), heat, **{**given, "alpha": 1.0}))
    return _image(overlay(under, heat, region=shown.region, **given))


def thumbnail(shown: Explanation) -> str:
    """Returns the overlay as the `data:` address of a small JPEG."""
    picture = draw_overlay(shown, None, None, None)
    picture.thumbnail((_NOTEBOOK_SIDE, _NOTEBOOK_SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=88)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _heat(shown: Explanation) -> NDArray[np.float32]:
    """Returns the numbers to draw. The mean scores of RISE have no zero that would mean "says nothing"."""
    return shown.map - np.nanmin(shown.map) if shown.method == RISE else shown.map


def _canvas(map: NDArray[np.float32]) -> NDArray[np.uint8]:
    height, width = map.shape
    scale = max(1, -(-_MIN_SIDE // max(height, width)))
    return np.zeros((height * scale, width * scale, 3), np.uint8)


def _image(drawn: Image.Image | NDArray[np.uint8]) -> Image.Image:
    return drawn if isinstance(drawn, Image.Image) else Image.fromarray(drawn)
