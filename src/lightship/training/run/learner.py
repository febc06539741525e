"""The model that is trained: a base with a new head, and how photos become its input."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lightship.errors import InvalidArgument
from lightship.images.spec import ImageSpec
from lightship.training.bases import Base, Shape, find_base
from lightship.training.image_choice import image_for
from lightship.training.run.options import TrainOptions, Unfreeze


@dataclass(frozen=True, slots=True)
class Learner:
    """A model, and what it needs to train, to be evaluated and to be exported."""

    # The `keras.Model`, from float32 [N, height, width, channels] to the probabilities of the classes, [N, classes].
    model: Any
    # With a height and a width.
    image: ImageSpec
    classes: tuple[str, ...]

    def unfreeze(self, layers: Unfreeze) -> None:
        """Lets the head train, and these layers of the base. Raises InvalidArgument for an expression without any."""
        from lightship.training.freezing import set_trainable

        set_trainable(self.model, layers)


def build_learner(options: TrainOptions, classes: tuple[str, ...]) -> Learner:
    """Returns the model before it is trained.

    Raises InvalidArgument or NotFound for a base, weights, a size or a preprocessing that do not fit, and Unavailable
    if the weights cannot be downloaded.
    """
    from lightship.training.network import with_classifier

    base = find_base(options.base)
    shape = None if options.size is None else (*options.size, base.shape[2] if base.shape else 3)
    network = base.build(shape, options.weights)
    height, width, channels = network.inputs[0].shape[1:]
    image = image_spec(base, options, (height, width, channels))
    learner = Learner(with_classifier(network, len(classes)), image, classes)
    learner.unfreeze(options.unfreeze)  # an expression that finds no layer is an error now, and not after hours
    return learner


def check_base(options: TrainOptions) -> None:
    """Raises the errors of a base and of options about images that can be found without TensorFlow."""
    base = find_base(options.base)
    image_spec(base, options, (*(options.size or (1, 1)), base.shape[2] if base.shape else 3))


def image_spec(base: Base, options: TrainOptions, shape: Shape) -> ImageSpec:
    """Returns how a photo becomes the input of a base: as it was trained, but for what the options say."""
    given = {"fit": options.fit, "family": options.family, "resize": options.resize}
    fields: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if options.preprocess is not None:
        fields["preprocessing"] = _preprocessing(options.preprocess)
    elif base.image is None:
        raise InvalidArgument(
            f"--base {base.name} does not say what was done to the pixels of its images: add --preprocess NAME, such "
            "as mobilenet_v2, or none if the model does it itself"
        )
    image = image_for(base, shape, fields if base.image is not None else {"resize": "bilinear", **fields})
    assert isinstance(image, ImageSpec)
    return image


def _preprocessing(text: str) -> str | Mapping[str, Any]:
    """Returns a name, or the numbers of a text such as {"scale": 0.00392}."""
    if not text.startswith("{"):
        return text
    try:
        numbers: Mapping[str, Any] = json.loads(text)
    except ValueError as error:
        raise InvalidArgument(
            f"--preprocess is {text!r}; give a name, or JSON such as '{{\"scale\": 0.00392}}'"
        ) from error
    return numbers
