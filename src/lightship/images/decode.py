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
        if color == "grayscale":
            pixels = _grayscale_as_tensorflow(image)[..., np.newaxis]
        elif image.mode in _DEEP:
            pixels = np.asarray(Image.fromarray(_high_byte(image)).convert(_PILLOW_MODES[color]))
        else:
            pixels = np.asarray(_convert(image, _PILLOW_MODES[color]))
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


def _high_byte(image: Image.Image) -> NDArray[np.uint8]:
    return (np.asarray(image) >> 8).astype(np.uint8)


def _luma_as_libpng(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Computes grey as libpng does for TensorFlow: with weights of 15 bits, found by comparison, and truncated."""
    weighted = rgb.astype(np.uint32) @ np.array([9797, 19234, 3737], np.uint32)
    return (weighted >> 15).astype(np.uint8)
