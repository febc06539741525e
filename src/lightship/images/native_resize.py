"""Resizes photos with the same result as Pillow, bit for bit, and decodes JPEG in the same step.

A JPEG is decoded row by row with the libjpeg that Pillow brings, and each row is resized at once: the photo is never
held as a whole. The C extension computes as Pillow does, in whole numbers and with Pillow's weights. Whatever it does
not handle, and every file that libjpeg finds a fault in, is left to Pillow.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image

from lightship.errors import InvalidArgument
from lightship.images import extension
from lightship.images.fit import Box, pillow_crop, pillow_pad
from lightship.images.spec import ImageSpec
from lightship.images.weights import Weights, columns_first, pillow_weights

logger = logging.getLogger(__name__)

# The colours of a pixel by Pillow's mode, and which modes become a model's colours without arithmetic.
_COLORS = {"L": 1, "RGB": 3}
_MODES = {"grayscale": ("L",), "rgb": ("L", "RGB")}


# Sizes before and after, on both sides of the rule of `columns_first`, with a part of the photo or all of it.
_KNOWN = (
    ((40, 40), (30, 19), None),
    ((40, 40), (30, 20), None),
    ((40, 40), (30, 21), None),
    ((21, 60), (11, 39), None),
    ((21, 60), (11, 40), None),
    ((20, 30), (33, 25), None),
    ((20, 30), (15, 41), None),
    ((20, 30), (60, 41), None),
    ((40, 70), (30, 20), (0, 20, 40, 50)),
    ((70, 40), (30, 19), (15, 0, 55, 40)),
)


@cache
def knows_pillow() -> bool:
    """Returns whether the extension gives the pixels of the installed Pillow for some small photos.

    Another version of Pillow might go along the rows and down the columns in another order.
    """
    noise = np.random.default_rng(0).integers(-128, 384, (70, 70, 3)).clip(0, 255).astype(np.uint8)
    for (width, height), out, box in _KNOWN:
        image = Image.fromarray(np.ascontiguousarray(noise[:height, :width]))
        expected = image.resize(out, Image.Resampling.BICUBIC, box)
        if not np.array_equal(_resized_small(image, out, box or (0, 0, width, height)), np.asarray(expected)):
            logger.warning("Pillow %s resizes in a way that is not known: photos take longer", PIL.__version__)
            return False
    return True


def _resized_small(image: Image.Image, out: tuple[int, int], box: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    columns = pillow_weights("bicubic", image.width, out[0], box[0], box[2])
    rows = pillow_weights("bicubic", image.height, out[1], box[1], box[3])
    result = np.empty((out[1], out[0], 3), np.uint8)
    assert extension.native is not None
    order = columns_first(*image.size, *out)
    extension.native.resize_image(image.__arrow_c_array__()[1], *image.size, 3, columns, rows, result, order, False)
    return result


class _Plan(NamedTuple):
    """The weights of the columns and of the rows, the part of the result that shows the photo, and the order."""

    columns: Weights
    rows: Weights
    shown: Box
    columns_first: bool


def resize_jpeg(data: bytes, image: Image.Image, spec: ImageSpec, *, plain: bool = False) -> NDArray[np.uint8] | None:
    """Returns what `resize_as_pillow` makes of an encoded JPEG, uint8 [height, width, channels].

    image: the JPEG opened by Pillow; it is not decoded. plain: whether to do without vector instructions.
    Returns None if Pillow must do it.
    """
    if extension.native is None or not extension.reads_jpeg or image.format != "JPEG":
        return None
    return _resized(extension.native.resize_jpeg, data, image, spec, plain)


def resize_image(image: Image.Image, spec: ImageSpec, *, plain: bool = False) -> NDArray[np.uint8] | None:
    """Returns what `resize_as_pillow` makes of a decoded image, uint8 [height, width, channels].

    The image is not copied. Returns None if Pillow must do it.
    """
    if extension.native is None or image.mode not in _COLORS or image.size == spec.size[::-1]:
        return None
    try:
        _, array = image.__arrow_c_array__()
    except ValueError:  # it lies in several pieces, as Pillow's images of more than 16 MiB
        return None
    return _resized(extension.native.resize_image, array, image, spec, plain)


def _resized(
    resize: Callable[..., bool], source: object, image: Image.Image, spec: ImageSpec, plain: bool
) -> NDArray[np.uint8] | None:
    plan = _plan(*image.size, spec) if image.mode in _MODES.get(spec.color, ()) else None
    if plan is None or not knows_pillow():
        return None
    resized = np.empty((len(plan.rows.first), len(plan.columns.first), spec.channels), np.uint8)
    colors = _COLORS[image.mode]
    if not resize(source, *image.size, colors, plan.columns, plan.rows, resized, plan.columns_first, plain):
        return None
    return _placed(resized, plan.shown, spec)


def _plan(width: int, height: int, spec: ImageSpec) -> _Plan | None:
    if spec.family != "pillow" or spec.fit == "crop_or_pad":
        return None
    try:
        seen, shown = _geometry(width, height, spec)
    except InvalidArgument:  # Pillow's way raises it, after any error of the decoder
        return None
    out_width, out_height = shown.right - shown.left, shown.bottom - shown.top
    columns = pillow_weights(spec.resize, width, out_width, seen.left, seen.right)
    rows = pillow_weights(spec.resize, height, out_height, seen.top, seen.bottom)
    if columns is None or rows is None:
        return None
    return _Plan(columns, rows, shown, columns_first(width, height, out_width, out_height))


def _geometry(width: int, height: int, spec: ImageSpec) -> tuple[Box, Box]:
    """Returns the part of the photo that is seen, and the part of the result that shows it."""
    target_height, target_width = spec.size
    photo, whole = Box(0, 0, width, height), Box(0, 0, target_width, target_height)
    if spec.fit == "crop" and (width, height) != (target_width, target_height):
        return pillow_crop(width, height, target_width, target_height), whole
    if spec.fit == "pad" and (width, height) != (target_width, target_height):
        return photo, pillow_pad(width, height, target_width, target_height)
    return photo, whole


def _placed(resized: NDArray[np.uint8], shown: Box, spec: ImageSpec) -> NDArray[np.uint8]:
    if resized.shape[:2] == spec.size:
        return resized
    padded = np.zeros((*spec.size, spec.channels), np.uint8)
    padded[shown.top : shown.bottom, shown.left : shown.right] = resized
    return padded
