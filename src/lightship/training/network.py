"""A network with a new classifier on its features."""

from __future__ import annotations

from typing import Any

import keras

from lightship.errors import InvalidArgument

# The names of the classifier's layers begin with this, and those of the network do not.
PREFIX = "transfer_"

_DROPOUT = 0.2  # of the features, in training only


def with_classifier(base: keras.Model, classes: int) -> keras.Model:
    """Returns a model of the same layers that ends with a softmax over `classes`, float32 [N, classes].

    Feature maps [N, height, width, channels] are averaged first; features [N, channels] are taken as they are. Raises
    InvalidArgument for any other features.
    """
    features = base.outputs[0]
    if len(features.shape) == 4:
        features = keras.layers.GlobalAveragePooling2D(name=f"{PREFIX}pool")(features)
    elif len(features.shape) != 2:
        raise InvalidArgument(
            f"the base {base.name!r} ends with {tuple(features.shape)}: give a network that ends with feature maps "
            "[N, height, width, channels] or features [N, channels]"
        )
    features = keras.layers.Dropout(_DROPOUT, name=f"{PREFIX}dropout")(features)
    scores = keras.layers.Dense(classes, "softmax", dtype="float32", name=f"{PREFIX}classes")(features)
    return keras.Model(base.inputs[0], scores, name=base.name)


def classifier_layers(model: keras.Model) -> list[Any]:
    """Returns the layers that were added as a classifier, or else the last one that has weights."""
    added = [layer for layer in model.layers if layer.name.startswith(PREFIX)]
    return added or [layer for layer in model.layers if layer.weights][-1:]
