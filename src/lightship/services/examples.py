"""Reads and writes `tf.Example`s that contain an encoded image."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.message import DecodeError

from lightship.bundle.image_signatures import ENCODED_IMAGE_FEATURE, example_of_image
from lightship.errors import InvalidArgument
from lightship.protos import Example


def images_of_examples(serialized: Iterable[bytes]) -> list[bytes]:
    """Returns the image of each serialized example.

    Raises InvalidArgument for the first example that does not have exactly one image or cannot be parsed.
    """
    return [_image(index, example) for index, example in enumerate(serialized)]


def examples_of_images(images: Iterable[bytes]) -> list[bytes]:
    """Returns a serialized example for each encoded image."""
    return [example_of_image(image) for image in images]


def _image(index: int, serialized: bytes) -> bytes:
    try:
        features = Example.FromString(serialized).features.feature
    except DecodeError as error:
        raise InvalidArgument(f"Could not parse example input {index}: it is not a serialized tf.Example") from error
    values = list(features[ENCODED_IMAGE_FEATURE].bytes_list.value) if ENCODED_IMAGE_FEATURE in features else []
    if len(values) != 1:
        there = ", ".join(sorted(features)) or "none"
        raise InvalidArgument(
            f"example {index} must have one image in the bytes feature {ENCODED_IMAGE_FEATURE}; it has {len(values)} "
            f"images there, and these features: {there}"
        )
    return bytes(values[0])
