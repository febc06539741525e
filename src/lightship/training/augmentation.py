"""Changes photos a little, so that a training sees each of them differently in each epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How much photos are changed at most. Each change is drawn evenly between its negative and its positive.

    Raises InvalidArgument for a number that is out of range.
    """

    # Whether half of the photos are mirrored, left to right.
    flip: bool = False
    # By which share of the width and of the height a photo is moved, 0 to 0.5.
    shift: float = 0.0
    # By which share it is enlarged or made smaller, 0 to 0.5.
    zoom: float = 0.0
    # By how many degrees it is turned, 0 to 180.
    rotation: float = 0.0
    # By which share of 255 it is made lighter or darker, 0 to 1.
    brightness: float = 0.0
    # By which share the distances from the mean of its pixels grow or shrink, 0 to 1.
    contrast: float = 0.0

    def __post_init__(self) -> None:
        most = {"shift": 0.5, "zoom": 0.5, "rotation": 180.0, "brightness": 1.0, "contrast": 1.0}
        for name, limit in most.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= limit:
                raise InvalidArgument(f"the augmentation {name} is {value!r}; give a number from 0 to {limit:g}")

    @classmethod
    def standard(cls) -> Augmentation:
        """Returns small changes that keep the class of most photos: of place, size, angle, brightness and contrast."""
        return cls(flip=True, shift=0.08, zoom=0.12, rotation=8.0, brightness=0.08, contrast=0.15)

    @classmethod
    def none(cls) -> Augmentation:
        """Returns no change at all."""
        return cls()

    @property
    def changes(self) -> bool:
        """Whether anything is changed."""
        return any(getattr(self, field.name) for field in fields(self))


def augmented(
    photos: Sequence[NDArray[Any]], augmentation: Augmentation, draws: Sequence[np.random.Generator]
) -> NDArray[np.float32]:
    """Returns changed photos, 0..255, float32 [n, height, width, channels].

    photos: [height, width, channels] each, all of one shape, 0..255. draws: a source of random numbers for each photo,
    so that its changes do not depend on the other ones. What moves into a photo mirrors its edges.
    """
    import tensorflow as tf

    pixels = np.stack(photos).astype(np.float32)
    changes = [_Change.drawn(augmentation, draw) for draw in draws]
    height, width = pixels.shape[1:3]
    with tf.device("CPU"):  # a graphics card would round differently
        moved: NDArray[np.float32] = tf.raw_ops.ImageProjectiveTransformV3(
            images=pixels,
            transforms=np.array([change.transform(height, width) for change in changes], np.float32),
            output_shape=[height, width],
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode="REFLECT",
        ).numpy()
    for one, change in zip(moved, changes, strict=True):
        mean = one.mean()
        one -= mean
        one *= change.contrast
        one += mean + 255 * change.brightness
    np.clip(moved, 0, 255, out=moved)
    return moved


@dataclass(frozen=True, slots=True)
class _Change:
    """What is done to one photo. The shifts are shares of its sides, the angle is in radians."""

    mirrored: bool
    right: float
    down: float
    scale: float
    angle: float
    brightness: float
    contrast: float

    @classmethod
    def drawn(cls, most: Augmentation, draw: np.random.Generator) -> _Change:
        mirrored, *rest = draw.uniform(-1, 1, 7)  # always as many numbers, so that one option changes no other
        right, down, zoom, rotation, brightness, contrast = map(float, rest)
        return cls(
            mirrored=bool(most.flip and mirrored < 0),
            right=most.shift * right,
            down=most.shift * down,
            scale=1 + most.zoom * zoom,
            angle=math.radians(most.rotation) * rotation,
            brightness=most.brightness * brightness,
            contrast=1 + most.contrast * contrast,
        )

    def transform(self, height: int, width: int) -> list[float]:
        """Returns which place of the photo each place of the result shows: a row of `ImageProjectiveTransformV3`."""
        x, y = (width - 1) / 2, (height - 1) / 2
        cosine, sine = self.scale * math.cos(self.angle), self.scale * math.sin(self.angle)
        mirror = -1.0 if self.mirrored else 1.0
        a, b, c, d = mirror * cosine, -mirror * sine, sine, cosine
        return [
            *(a, b, x - a * x - b * y + self.right * width),
            *(c, d, y - c * x - d * y + self.down * height),
            *(0.0, 0.0),
        ]
