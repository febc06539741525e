"""The names of the two image signatures, and the `tf.Example` that one of them takes."""

from __future__ import annotations

from lightship.protos import Example

IMAGE_BYTES_SIGNATURE = "image_bytes"
CLASSIFY_SIGNATURE = "classify"
ENCODED_IMAGE_FEATURE = "image/encoded"  # the usual name in tf.Example files of images


def example_of_image(image: bytes) -> bytes:
    """Returns a serialized `tf.Example` that holds an encoded image."""
    example = Example()
    example.features.feature[ENCODED_IMAGE_FEATURE].bytes_list.value.append(image)
    return bytes(example.SerializeToString())
