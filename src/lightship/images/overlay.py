"""Lays the map of an explanation over its photo, as an image to look at.

Negative numbers of a map are shown like 0, in the darkest colour; its largest number has the lightest colour. So two
maps can be compared by their places, not by their brightness.
"""

from __future__ import annotations

import math
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lightship.errors import InvalidArgument
from lightship.images.colormaps import DEFAULT_COLORMAP, check_colormap, color_table
from lightship.images.decode import convert_as_tensorflow
from lightship.images.decoding_memory import ImageHeader, decoding_memory
from lightship.images.fit import WHOLE, Box, Region, seen_part
from lightship.images.opening import MAX_PIXELS, open_image
from lightship.images.spec import MAX_INPUT_SIDE, ImageSpec
from lightship.memory_budget import NOT_COUNTED, Reservation

DEFAULT_ALPHA = 0.5
MAX_OVERLAY_PIXELS = 1 << 22  # 2,048 x 2,048; writing a PNG of these takes a third of a second

_LAYERS = 24  # bytes of a pixel: the photo, the colours, both blended, and the PNG


def overlay(
    photo: bytes | NDArray[np.uint8],
    heat: NDArray[Any],
    *,
    spec: ImageSpec | None = None,
    region: Region | None = None,
    colormap: str = DEFAULT_COLORMAP,
    alpha: float = DEFAULT_ALPHA,
    max_pixels: int = MAX_OVERLAY_PIXELS,
    max_photo_pixels: int = MAX_PIXELS,
    memory: Reservation = NOT_COUNTED,
) -> Image.Image:
    """Returns a photo with a map over the part of it that the model saw, an RGB image of the photo's own size.

    photo: an encoded image, or its pixels, uint8 [H, W, 3] or [H, W]. It is made smaller if it has more than
        `max_pixels` pixels, and refused if it has more than `max_photo_pixels`.
    heat: the map, [height, width], of any float dtype.
    spec: how the photo became the model's input; None means that it was stretched.
    region: the part of the photo that the map covers, as `seen_region` gives it, instead of a `spec`.
    colormap: one of `COLORMAPS`.
    alpha: how much of the colours is seen, from 0 (only the photo) to 1 (only the colours).

    Pixels are counted in `memory` before they are allocated. Raises InvalidArgument for an unknown colour map, for
    another `alpha`, for a map that is not [height, width], and for a photo that cannot be read; TooLarge for one with
    too many pixels; and the errors of `Reservation.grow`.
    """
    check_colormap(colormap)
    check_alpha(alpha)
    _check_heat(heat)
    if isinstance(photo, bytes):
        picture, size = _decoded(photo, max_pixels, max_photo_pixels, memory)
    else:
        picture, size = _of_pixels(photo, max_pixels)
    seen, shown = _parts(size, spec) if region is None else _parts_of(region)
    box = _scaled(seen, picture.size)
    colors = _colors(heat, shown, (box.right - box.left, box.bottom - box.top), colormap)
    picture.paste(Image.blend(picture.crop(box), colors, alpha), box)
    return picture


def png(image: Image.Image) -> bytes:
    """Returns an image as a PNG file."""
    file = BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()


def check_alpha(alpha: float) -> None:
    """Raises InvalidArgument if a number is not from 0 to 1."""
    if not 0 <= alpha <= 1:
        raise InvalidArgument(f"alpha is {alpha:g}; give a number from 0 (only the photo) to 1 (only the colours)")


def _check_heat(heat: NDArray[Any]) -> None:
    if heat.ndim != 2 or not heat.size:
        raise InvalidArgument(f"the map has shape {list(heat.shape)}; give one map, [height, width]")


def _decoded(data: bytes, max_pixels: int, max_photo_pixels: int, memory: Reservation) -> tuple[Image.Image, Box]:
    """Returns the picture of an encoded photo, and the box of all of the photo."""
    size, reserved = (0, 0), 0

    def reserve(header: ImageHeader) -> None:
        nonlocal size, reserved
        size = header.width, header.height
        width, height = _smaller(size, max_pixels)
        spec = ImageSpec(height, width, resize="bilinear", preprocessing="none", family="tensorflow")
        reserved = decoding_memory(header, spec)
        memory.grow(_LAYERS * width * height + reserved)

    try:
        image = open_image(data, max_pixels=max_photo_pixels, before_pixels=reserve)
        if image.format == "JPEG" and image.mode == "RGB":
            image.draft("RGB", _smaller(size, max_pixels))  # decodes fewer pixels of a large photo
        pixels = convert_as_tensorflow(image, "rgb")
        return _resized(Image.fromarray(pixels), _smaller(size, max_pixels)), Box(0, 0, *size)
    finally:
        memory.shrink(reserved)


def _of_pixels(pixels: NDArray[np.uint8], max_pixels: int) -> tuple[Image.Image, Box]:
    flat = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[-1] == 1 else pixels
    if flat.dtype != np.uint8 or flat.ndim not in (2, 3) or not flat.size or (flat.ndim == 3 and flat.shape[-1] != 3):
        raise InvalidArgument(
            f"an array of {pixels.dtype} and shape {list(pixels.shape)} is not a photo: give uint8 [height, width, 3]"
        )
    image = Image.fromarray(np.ascontiguousarray(flat)).convert("RGB")
    return _resized(image, _smaller(image.size, max_pixels)), Box(0, 0, *image.size)


def _smaller(size: tuple[int, int], max_pixels: int) -> tuple[int, int]:
    """Returns the largest width and height of the same proportions with at most so many pixels."""
    width, height = size
    scale = min(math.sqrt(max_pixels / (width * height)), MAX_INPUT_SIDE / max(size))
    return size if scale >= 1 else (max(1, int(width * scale)), max(1, int(height * scale)))


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image if image.size == size else image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)


def _parts(whole: Box, spec: ImageSpec | None) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Returns the part of the photo that the map is laid over, and the part of the map, as fractions."""
    if spec is None:
        return WHOLE, WHOLE
    width, height = whole.right, whole.bottom
    seen, shown = seen_part(width, height, spec)
    target_height, target_width = spec.size
    return _fractions(seen, width, height), _fractions(shown, target_width, target_height)


def _parts_of(region: Region) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Returns the same for a map that covers a region. Raises InvalidArgument if that lies outside of the photo."""
    left, top, right, bottom = region
    seen = max(0.0, left), max(0.0, top), min(1.0, right), min(1.0, bottom)
    if not all(map(math.isfinite, region)) or seen[0] >= seen[2] or seen[1] >= seen[3]:
        raise InvalidArgument(f"the region {list(region)} is not a part of a photo: give left, top, right and bottom")
    width, height = right - left, bottom - top
    shown = (seen[0] - left) / width, (seen[1] - top) / height, (seen[2] - left) / width, (seen[3] - top) / height
    return seen, shown


def _fractions(box: Box, width: int, height: int) -> tuple[float, ...]:
    return box.left / width, box.top / height, box.right / width, box.bottom / height


def _scaled(part: tuple[float, ...], size: tuple[int, int]) -> Box:
    """Returns a part of an image in whole pixels, at least one."""
    width, height = size
    left, top = min(width - 1, round(part[0] * width)), min(height - 1, round(part[1] * height))
    return Box(left, top, max(left + 1, round(part[2] * width)), max(top + 1, round(part[3] * height)))


def _colors(heat: NDArray[Any], part: tuple[float, ...], size: tuple[int, int], colormap: str) -> Image.Image:
    """Returns the colours of a part of a map, smoothly enlarged to a size."""
    levels = Image.fromarray(_levels(heat))
    width, height = levels.size
    box = (part[0] * width, part[1] * height, part[2] * width, part[3] * height)
    colors = levels.resize(size, Image.Resampling.BILINEAR, box=box)
    colors.putpalette(color_table(colormap).tobytes())
    return colors.convert("RGB")


def _levels(heat: NDArray[Any]) -> NDArray[np.uint8]:
    """Returns the values of a map from 0, for 0 and negative numbers, to 255, for the largest number."""
    positive = np.maximum(np.nan_to_num(heat.astype(np.float32), posinf=None), 0)
    peak = float(positive.max())
    return np.rint(positive / peak * 255).astype(np.uint8) if peak > 0 else np.zeros(heat.shape, np.uint8)
