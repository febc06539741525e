"""The networks that transfer learning can begin with, by their names. Importing this imports no TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightship.bundle.manifest import EXTRAS, Manifest
from lightship.errors import InvalidArgument, NotFound
from lightship.images.preprocessing import Preprocessing, nearest_name
from lightship.images.spec import CHANNELS, ImageSpec
from lightship.saved_model.versions import list_versions
from lightship.suffixes import KERAS_SUFFIXES

if TYPE_CHECKING:
    import keras

# Height, width and channels of a network's images.
Shape = tuple[int, int, int]
# "imagenet" for those of ImageNet, the path of a file, or None for random ones.
Weights = str | os.PathLike[str] | None

IMAGENET = "imagenet"
DEFAULT_SHAPE: Shape = (224, 224, 3)
# The Keras model in a version folder, beside `lightship.json`. A SavedModel cannot be trained again.
KERAS_FILE = "model.keras"


@dataclass(frozen=True, slots=True)
class Base:
    """A network without its classifier, which a `TransferModel` adds."""

    # As `find_base` takes it: "resnet50v2", or the path of a file.
    name: str
    # How a photo becomes its input, by default, without a size. None if that is not known.
    image: ImageSpec | None
    # The images that it was made for; None if the network's file says it.
    shape: Shape | None
    builder: Callable[[Shape | None, Weights], keras.Model]

    @property
    def preprocessing(self) -> Preprocessing | None:
        """What the network's images went through after resizing; None if that is not known."""
        return self.image.preprocessing if self.image is not None else None

    def build(self, shape: Shape | None = None, weights: Weights = IMAGENET) -> keras.Model:
        """Returns the network as a functional Keras model, float32 images [N, height, width, channels] to features.

        shape: the size of its images; None for its own. weights: those of ImageNet, of a file, or random ones (None);
            a network of a file has its own.

        Raises InvalidArgument for a shape or a file of weights that does not fit, NotFound for a file that does not
        exist, and Unavailable if the weights cannot be downloaded.
        """
        return self.builder(shape or self.shape, weights)

    def image_spec(self, shape: Shape) -> ImageSpec | None:
        """Returns the default spec for photos, with the size and colour of `shape`. None if it is not known.

        Raises InvalidArgument if the network's preprocessing does not work for this number of channels.
        """
        if self.image is None:
            return None
        color = color_of(shape)
        self.image.preprocessing.check_channels(shape[2])
        return replace(self.image, height=shape[0], width=shape[1], color=color)


def find_base(name: str | os.PathLike[str]) -> Base:
    """Returns the network of a name, in upper or lower case, with or without hyphens and underscores.

    name: one of `BASE_NAMES`, or "resnet" for resnet50v2; the path of a Keras file; or a version folder that has a
        `model.keras`.

    Raises InvalidArgument for an unknown name, with the nearest one, and NotFound for a file that does not exist.
    """
    if isinstance(name, str):
        known = _BASES.get(_ALIASES.get(_plain(name), _plain(name)))
        if known is not None:
            return known()
    elif not isinstance(name, os.PathLike):
        raise InvalidArgument(f"base is {name!r}; give a name such as 'resnet50v2', or the path of a Keras file")
    path = Path(name)
    if path.suffix.lower() in KERAS_SUFFIXES:
        return _own(path)
    if path.is_dir():
        return _own(_file_of_version(path))
    raise InvalidArgument(
        f"there is no base called {str(name)!r}: {nearest_name(str(name).lower(), BASE_NAMES)}; or give the path of a "
        "Keras file"
    )


def color_of(shape: Shape) -> str:
    """Returns the colour of an image spec for the number of channels. Raises InvalidArgument if there is none."""
    for color, channels in CHANNELS.items():
        if channels == shape[2]:
            return color
    raise InvalidArgument(f"shape is {shape!r}; give 1, 3 or 4 channels, such as {DEFAULT_SHAPE}")


def _application(name: str, title: str, preprocessing: str) -> Base:
    def build(shape: Shape | None, weights: Weights) -> Any:
        from lightship.training.applications import build_application

        return build_application(title, shape or DEFAULT_SHAPE, weights)

    return Base(name, _default_image(Preprocessing.named(preprocessing)), DEFAULT_SHAPE, build)


def _lite0() -> Base:
    from lightship.training.weights.efficientnet_lite0 import PREPROCESSING

    def build(shape: Shape | None, weights: Weights) -> Any:
        from lightship.training.weights.download import lite0_weights
        from lightship.training.weights.efficientnet_lite0 import efficientnet_lite0

        file = lite0_weights() if weights == IMAGENET else Path(weights) if weights is not None else None
        return efficientnet_lite0(shape or DEFAULT_SHAPE, file, include_top=False)

    return Base("efficientnet-lite0", _default_image(PREPROCESSING), DEFAULT_SHAPE, build)


def _file_of_version(folder: Path) -> Path:
    """Returns the Keras file of a version folder. Raises NotFound with what to give instead if it has none."""
    path = folder / EXTRAS / KERAS_FILE
    if path.exists():
        return path
    versions = list_versions(folder)
    if versions:
        raise NotFound(f"{folder} is a model's folder: give one of its versions, such as {versions[max(versions)]}")
    raise NotFound(
        f"{folder} has no {EXTRAS}/{KERAS_FILE}, which a version of lightship train or TransferModel.save has: give "
        f"such a version, the path of a Keras file, or one of {', '.join(BASE_NAMES)}"
    )


def _own(path: Path) -> Base:
    if not path.exists():
        raise NotFound(f"{path} does not exist: give the path of a Keras file, or one of {', '.join(BASE_NAMES)}")

    def build(shape: Shape | None, weights: Weights) -> Any:
        from lightship.training.own_base import build_own_base

        return build_own_base(path, shape, weights)

    return Base(str(path), _image_of_version(path), None, build)


def _image_of_version(path: Path) -> ImageSpec | None:
    """Returns the image spec of the version that a Keras file belongs to; None if it belongs to none."""
    if path.parent.name != EXTRAS:
        return None
    try:
        image = Manifest.read(path.parent.parent).image
    except NotFound:
        return None
    return replace(image, height=None, width=None) if image is not None else None


def _default_image(preprocessing: Preprocessing) -> ImageSpec:
    return ImageSpec(resize="bilinear", preprocessing=preprocessing)


def _plain(name: str) -> str:
    return name.casefold().replace("-", "").replace("_", "").replace(" ", "")


_BASES: Mapping[str, Callable[[], Base]] = {
    "resnet50v2": partial(_application, "resnet50v2", "ResNet50V2", "resnet_v2"),
    "mobilenetv2": partial(_application, "mobilenetv2", "MobileNetV2", "mobilenet_v2"),
    "efficientnetb0": partial(_application, "efficientnetb0", "EfficientNetB0", "efficientnet"),
    "efficientnetlite0": _lite0,
    "vgg16": partial(_application, "vgg16", "VGG16", "vgg16"),
}
_ALIASES = {"resnet": "resnet50v2", "vgg": "vgg16"}

BASE_NAMES: tuple[str, ...] = ("resnet50v2", "mobilenetv2", "efficientnetb0", "efficientnet-lite0", "vgg16")
