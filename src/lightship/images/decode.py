"""Decodes JPEG, PNG, BMP, GIF and WebP images to pixels; of an animation the first frame.

EXIF rotation is ignored, as Keras and TensorFlow ignore it in training.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lightship.images.opening import MAX_PIXELS, decoder_errors, open_image

_PILLOW_MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}

# The bits of a pixel by Pillow's names for what a PNG file holds: grey without alpha, and palettes.
_BITS_OF = {"1": 1, "L;2": 2, "L;4": 4, "L": 8, "I;16B": 16, "P;1": 1, "P;2": 2, "P;4": 4, "P": 8}

# Pillow's modes with one channel of more than 8 bits, which a grey PNG of 16 bits has.
_DEEP = ("I", "I;16", "I;16B")


def load(image: Image.Image) -> Image.Image:
    """Decodes the pixels of an image. Raises InvalidArgument if it is truncated or broken."""
    with decoder_errors(image.format, None):
        image.load()
    return image


def convert_as_pillow(image: Image.Image, color: str) -> Image.Image:
    """Converts an image as `keras.utils.load_img(color_mode=color)` does; a grey image of 16 bits keeps them, as there.

    Raises InvalidArgument if the image is truncated or broken.
    """
    with decoder_errors(image.format, None):
        if color == "grayscale" and image.mode in _DEEP:
            image.load()
            return image
        return _convert(image, _PILLOW_MODES[color])


def convert_as_tensorflow(image: Image.Image, color: str) -> NDArray[np.uint8]:
    """Returns the pixels of `tf.io.decode_image(channels=...)`, uint8 [H, W, C].

    docs/guides/images.md lists the differences.

    Raises InvalidArgument if the image is truncated or broken.
    """
    with decoder_errors(image.format, None):
        bits = _grey_or_palette_bits(image)
        if color == "grayscale":
            pixels = _grayscale_as_tensorflow(image)[..., np.newaxis]
        elif image.mode in _DEEP:
            pixels = np.asarray(Image.fromarray(_high_byte(image)).convert(_PILLOW_MODES[color]))
        else:
            pixels = np.asarray(_convert(image, _PILLOW_MODES[color]))
        if color == "rgba" and bits is not None:
            return _with_alpha_of_libpng(pixels, image, bits)
        return _blackened(pixels, image) if image.format == "GIF" else pixels


def decode_image(data: bytes, color: str, *, max_pixels: int = MAX_PIXELS) -> NDArray[Any]:
    """Returns the pixels of `keras.utils.load_img(color_mode=color)`, before any resizing.

    color: "rgb", "grayscale" or "rgba". Returns uint8 [H, W, C] (uint16 or int32 for a grey PNG of 16 bits in
    "grayscale"). Raises InvalidArgument if the bytes are not an image or are truncated, and TooLarge, without decoding
    them, if the image has more than `max_pixels` pixels.
    """
    pixels = np.asarray(convert_as_pillow(open_image(data, max_pixels=max_pixels), color))
    return pixels if pixels.ndim == 3 else pixels[..., np.newaxis]


def _convert(image: Image.Image, mode: str) -> Image.Image:
    if image.mode == mode:
        image.load()
        return image
    if mode != "RGBA" and "transparency" in image.info:
        # Transparency does not change these colours, but Pillow warns if a palette has several transparent entries.
        image = image.copy()
        del image.info["transparency"]
    return image.convert(mode)


def _grayscale_as_tensorflow(image: Image.Image) -> NDArray[np.uint8]:
    if image.format == "JPEG" and image.mode == "RGB":
        image.draft("L", None)  # TensorFlow too lets libjpeg compute the luma, at full size
    if image.mode in _DEEP:
        return _high_byte(image)
    if image.format == "PNG" and image.mode not in ("1", "L", "LA"):
        return _luma_as_libpng(np.asarray(_convert(image, "RGB")))
    return np.asarray(_convert(image, "L"))


def _blackened(pixels: NDArray[np.uint8], image: Image.Image) -> NDArray[np.uint8]:
    """Makes a GIF's transparent pixels black and opaque, as TensorFlow does; Pillow gives them the palette's colour."""
    transparent = image.info.get("transparency")
    if image.mode != "P" or transparent is None:
        return pixels
    hidden = (np.asarray(image) == transparent)[..., np.newaxis]
    return np.where(hidden, np.array([0, 0, 0, 255][: pixels.shape[-1]], np.uint8), pixels)


def _grey_or_palette_bits(image: Image.Image) -> int | None:
    """Returns the bits of a pixel of a PNG that is grey without alpha or has a palette; None for other images.

    Pillow knows them only as long as the image is not loaded, which is why an image that a caller has loaded has none.
    """
    if image.format != "PNG" or not getattr(image, "tile", None):
        return None
    return _BITS_OF.get(image.tile[0].args)  # type: ignore[attr-defined]


def _with_alpha_of_libpng(pixels: NDArray[np.uint8], image: Image.Image, bits: int) -> NDArray[np.uint8]:
    """Gives the pixels of a PNG that is grey or has a palette, [H, W, 4], the alpha that they have in TensorFlow.

    Where the file has none, libpng fills it with the largest number of so few bits, and not with 255. Where a grey is
    transparent, Pillow compares it with pixels that are scaled to 8 bits already.
    """
    transparent = image.info.get("transparency")
    if transparent is None and bits < 8:
        alpha = np.full(pixels.shape[:2], (1 << bits) - 1, np.uint8)
    elif transparent is not None and image.mode != "P" and bits in (2, 4, 16):
        grey = np.asarray(image) if bits == 16 else pixels[..., 0] // (255 // ((1 << bits) - 1))
        alpha = np.where(grey == transparent, np.uint8(0), np.uint8(255))
    else:
        return pixels
    return np.dstack([pixels[..., :3], alpha])


def _high_byte(image: Image.Image) -> NDArray[np.uint8]:
    return (np.asarray(image) >> 8).astype(np.uint8)


def _luma_as_libpng(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Computes grey as libpng does for TensorFlow: with weights of 15 bits, found by comparison, and truncated."""
    weighted = rgb.astype(np.uint32) @ np.array([9797, 19234, 3737], np.uint32)
    return (weighted >> 15).astype(np.uint8)
