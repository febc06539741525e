"""Decides the image spec of a model that begins with a known network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from lightship.errors import InvalidArgument
from lightship.images.spec import ImageSpec
from lightship.training.bases import Base, Shape, color_of

ImageChoice = ImageSpec | Mapping[str, Any] | Literal[False] | None


def image_for(base: Base, shape: Shape, image: ImageChoice) -> ImageSpec | Literal[False] | None:
    """Returns the image spec of a model, with the size and colour of `shape`.

    image: the whole spec; a mapping of the fields that differ from the network's own spec; None for that one; or False
        for none. Returns None if there is no spec, because that of the network is not known.

    Raises InvalidArgument for another size or colour than that of `shape`, and the errors of `ImageSpec`.
    """
    if image is False:
        return False
    default = base.image_spec(shape) if not isinstance(image, ImageSpec) else None
    if image is None:
        return default
    if isinstance(image, Mapping):
        fields: dict[str, Any] = {"color": color_of(shape)} if default is None else default.to_json()
        image = ImageSpec.from_json({**fields, **image})
    elif not isinstance(image, ImageSpec):
        raise InvalidArgument(
            f"image is {image!r}; give an ImageSpec, a mapping of its fields such as {{'fit': 'crop'}}, False if the "
            "model takes only tensors, or None for the spec of its base"
        )
    for what, given, own in (("height", image.height, shape[0]), ("width", image.width, shape[1])):
        if given not in (None, own):
            raise InvalidArgument(f"the image's {what} is {given}, but the shape is {shape}: leave {what} out")
    if image.channels != shape[2]:
        raise InvalidArgument(
            f"color {image.color!r} gives {image.channels} channels, but the shape is {shape}: give "
            f"color={color_of(shape)!r}"
        )
    return image.sized(shape[0], shape[1])


def checked_shape(shape: Any) -> Shape:
    """Returns a shape as a tuple. Raises InvalidArgument if it is not (height, width, channels)."""
    try:
        sizes = tuple(size.__index__() for size in shape)
    except (TypeError, AttributeError):
        sizes = ()
    if len(sizes) != 3 or min(sizes) < 1:
        raise InvalidArgument(f"shape is {shape!r}; give (height, width, channels) in pixels, such as (224, 224, 3)")
    color_of(sizes)
    return sizes
