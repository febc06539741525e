"""Which part of a photo a model sees, and where: the geometry of the fits "stretch", "crop", "pad" and "crop_or_pad".

Boxes are left, top, right and bottom, in whole pixels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lightship.errors import InvalidArgument
from lightship.images.spec import ImageSpec

# The part of a photo that a model's input shows: left, top, right and bottom, as fractions of its width and height.
Region = tuple[float, float, float, float]
WHOLE: Region = (0.0, 0.0, 1.0, 1.0)


class Box(NamedTuple):
    """A part of an image: its first column and row, and those behind its last."""

    left: int
    top: int
    right: int
    bottom: int


def seen_part(width: int, height: int, spec: ImageSpec) -> tuple[Box, Box]:
    """Returns the part of a photo that becomes a part of the model's input, and this part of the input.

    The fit "crop" leaves some of the photo out, and "pad" leaves some of the input empty. "crop_or_pad" may do one of
    them along one axis, and the other along the other. Raises InvalidArgument for a photo that is so narrow that no
    pixel would remain.
    """
    target_height, target_width = spec.size
    photo, whole = Box(0, 0, width, height), Box(0, 0, target_width, target_height)
    pillow = spec.family == "pillow"
    if spec.fit == "crop":
        return (pillow_crop if pillow else tensorflow_crop)(width, height, target_width, target_height), whole
    if spec.fit == "crop_or_pad":
        return crop_or_pad(width, height, target_width, target_height)
    if spec.fit == "pad":
        return photo, (pillow_pad if pillow else tensorflow_pad)(width, height, target_width, target_height)
    return photo, whole


def seen_region(width: int, height: int, spec: ImageSpec) -> Region:
    """Returns the part of a photo that the whole of the model's input shows.

    Where an input is padded, it is larger than the photo, so numbers lie outside of 0 to 1. The errors are those of
    `seen_part`.
    """
    seen, shown = seen_part(width, height, spec)
    target_height, target_width = spec.size
    left, right = _extended(seen.left, seen.right, shown.left, shown.right, target_width)
    top, bottom = _extended(seen.top, seen.bottom, shown.top, shown.bottom, target_height)
    return left / width, top / height, right / width, bottom / height


def _extended(low: int, high: int, shown_low: int, shown_high: int, target: int) -> tuple[float, float]:
    """Returns the edges of the whole target, where `low` and `high` of the photo are at two places of the target."""
    scale = (high - low) / (shown_high - shown_low)
    return low - shown_low * scale, high + (target - shown_high) * scale


def pillow_crop(width: int, height: int, target_width: int, target_height: int) -> Box:
    """Returns the largest centred box of a photo with the target's proportions, as `keras.utils.load_img` does.

    Raises InvalidArgument if it is empty.
    """
    box_width = min(width, height * target_width // target_height)
    box_height = min(height, width * target_height // target_width)
    if not box_width or not box_height:
        raise _too_narrow(width, height, target_width, target_height)
    return _centred(width, height, box_width, box_height)


def tensorflow_crop(width: int, height: int, target_width: int, target_height: int) -> Box:
    """Returns the box that `keras.preprocessing.image.smart_resize` cuts out of a photo."""
    box_height = max(1, min(height, int(np.float32(width * target_height) / np.float32(target_width))))
    box_width = max(1, min(width, int(np.float32(height * target_width) / np.float32(target_height))))
    return _centred(width, height, box_width, box_height)


def pillow_pad(width: int, height: int, target_width: int, target_height: int) -> Box:
    """Returns the part of the target that shows the photo, as `PIL.ImageOps.pad` does.

    Raises InvalidArgument if it is empty.
    """
    fitted_width, fitted_height = target_width, target_height
    if width / height > target_width / target_height:
        fitted_height = round(height / width * target_width)
    else:
        fitted_width = round(width / height * target_height)
    if not fitted_width or not fitted_height:
        raise _too_narrow(width, height, target_width, target_height)
    left, top = round((target_width - fitted_width) * 0.5), round((target_height - fitted_height) * 0.5)
    return Box(left, top, left + fitted_width, top + fitted_height)


def tensorflow_pad(width: int, height: int, target_width: int, target_height: int) -> Box:
    """Returns the part of the target that shows the photo, as `tf.image.resize_with_pad` does.

    Raises InvalidArgument if it is empty.
    """
    sides = (np.float32(width), np.float32(height))
    targets = (np.float32(target_width), np.float32(target_height))
    ratio = max(side / target for side, target in zip(sides, targets, strict=True))
    fitted_width, fitted_height = (int(side / ratio) for side in sides)
    if not fitted_width or not fitted_height:
        raise _too_narrow(width, height, target_width, target_height)
    left, top = (max(0, int((target - side / ratio) / 2)) for side, target in zip(sides, targets, strict=True))
    return Box(left, top, left + fitted_width, top + fitted_height)


def crop_or_pad(width: int, height: int, target_width: int, target_height: int) -> tuple[Box, Box]:
    """Returns the part of a photo that is shown, and where, as `tf.image.resize_with_crop_or_pad` does.

    Both parts have the same size, because nothing is resized. Where a centre lies between two pixels, one pixel more is
    cut off or added at the right, and at the bottom.
    """
    seen_width, seen_height = min(width, target_width), min(height, target_height)
    seen = _centred(width, height, seen_width, seen_height)
    return seen, _centred(target_width, target_height, seen_width, seen_height)


def _centred(width: int, height: int, box_width: int, box_height: int) -> Box:
    left, top = (width - box_width) // 2, (height - box_height) // 2
    return Box(left, top, left + box_width, top + box_height)


def _too_narrow(width: int, height: int, target_width: int, target_height: int) -> InvalidArgument:
    return InvalidArgument(
        f"an image of {width} x {height} pixels is too narrow for {target_width} x {target_height} without "
        "distortion: no pixel would remain; send a less narrow image"
    )
