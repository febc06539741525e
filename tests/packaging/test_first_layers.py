"""Whether a Keras model preprocesses the pixels itself."""

from __future__ import annotations

from typing import Any

import keras
import pytest

from lightship.packaging.first_layers import scales_pixels

DENSE = keras.layers.Dense(2)


def functional(*functions: Any) -> keras.Model:
    image = x = keras.Input((8, 8, 3))
    for function in functions:
        x = function(x)
    return keras.Model(image, x)


def sequential(*layers: Any) -> keras.Model:
    return keras.Sequential([keras.Input((8, 8, 3)), *layers])


L = keras.layers
AUGMENTED = sequential(L.RandomFlip(), L.RandomRotation(0.1))


@pytest.mark.parametrize("make", [functional, sequential])
@pytest.mark.parametrize(
    "layers",
    [
        [L.Rescaling(1 / 255), DENSE],
        [L.Normalization(mean=[1, 2, 3], variance=[1, 1, 1]), DENSE],
        [L.Resizing(4, 4), L.CenterCrop(2, 2), L.Rescaling(2.0), DENSE],
        [AUGMENTED, L.Rescaling(1 / 255), DENSE],
        [sequential(L.Rescaling(1 / 255)), DENSE],
    ],
)
def test_a_layer_that_scales_is_found_before_others(make: Any, layers: list[Any]) -> None:
    assert scales_pixels(make(*layers))


@pytest.mark.parametrize("make", [functional, sequential])
@pytest.mark.parametrize(
    "layers", [[L.Conv2D(2, 3), L.Rescaling(2.0)], [AUGMENTED, L.Conv2D(2, 3)], [DENSE], [L.ZeroPadding2D()]]
)
def test_other_first_layers_do_not_scale(make: Any, layers: list[Any]) -> None:
    assert not scales_pixels(make(*layers))


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet", "imagenet_utils"])
def test_preprocess_input_in_the_model_is_found(name: str) -> None:
    module = getattr(keras.applications, name)
    assert scales_pixels(functional(module.preprocess_input, DENSE))


def test_an_application_with_its_own_preprocessing_is_found() -> None:
    inner = keras.applications.EfficientNetB0(weights=None, include_top=False, input_shape=(32, 32, 3))
    assert scales_pixels(keras.Sequential([inner, keras.layers.Flatten()]))
    assert not scales_pixels(keras.applications.MobileNetV2(weights=None, input_shape=(32, 32, 3)))


def test_a_model_without_known_layers_is_not_said_to_scale() -> None:
    class Own(keras.Model):
        def call(self, x: Any) -> Any:
            return x

    assert not scales_pixels(Own())
