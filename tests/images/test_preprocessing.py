from __future__ import annotations

import importlib
import pkgutil
import re

import keras
import numpy as np
import pytest

from lightship.errors import InvalidArgument
from lightship.images.preprocessing import PREPROCESSING_NAMES, Preprocessing

PIXELS = np.random.default_rng(7).integers(0, 256, (9, 8, 3)).astype(np.uint8)
NAMES_OF_KERAS = sorted(set(PREPROCESSING_NAMES) - {"none"})


@pytest.mark.parametrize("name", NAMES_OF_KERAS)
def test_named_preprocessing_is_the_applications_own_to_the_last_bit(name: str) -> None:
    application = importlib.import_module(f"keras.applications.{name}")
    expected = application.preprocess_input(PIXELS.astype(np.float32))
    got = Preprocessing.named(name).apply(PIXELS)
    assert got.dtype == np.float32
    assert got.flags.c_contiguous
    np.testing.assert_array_equal(got, expected)


def test_every_application_with_a_preprocess_input_has_its_name_here() -> None:
    modules = [module.name for module in pkgutil.iter_modules(keras.applications.__path__)]
    having = {name for name in modules if hasattr(getattr(keras.applications, name, None), "preprocess_input")}
    assert having == set(NAMES_OF_KERAS)


def test_scale_and_offset_are_keras_rescaling() -> None:
    expected = keras.layers.Rescaling(1 / 127.5, offset=-1)(PIXELS.astype(np.float32))
    np.testing.assert_array_equal(Preprocessing.scale_offset(1 / 127.5, -1).apply(PIXELS), np.asarray(expected))


def test_mean_and_std_work_channel_by_channel() -> None:
    got = Preprocessing.mean_std([1, 2, 3], [4, 5, 6]).apply(PIXELS)
    expected = (PIXELS.astype(np.float32) - np.float32([1, 2, 3])) / np.float32([4, 5, 6])
    np.testing.assert_array_equal(got, expected)


def test_the_input_is_not_written_to() -> None:
    pixels = PIXELS.astype(np.float32)
    for name in PREPROCESSING_NAMES:
        Preprocessing.named(name).apply(pixels)
    np.testing.assert_array_equal(pixels, PIXELS)


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(InvalidArgument, match="'mobilnet_v2'.*did you mean 'mobilenet_v2'"):
        Preprocessing.named("mobilnet_v2")


NETWORKS = sorted(name for name in dir(keras.applications) if name[0].isupper())


@pytest.mark.parametrize("network", NETWORKS)
def test_the_name_of_a_network_is_answered_with_its_own_preprocessing(network: str) -> None:
    """Not with that of a name that looks alike: ResNet50V2 does not preprocess as ResNet50."""
    with pytest.raises(InvalidArgument) as error:
        Preprocessing.named(network)
    (meant,) = re.findall(r": did you mean '(\w+)'\?$", error.value.message)
    application = importlib.import_module(getattr(keras.applications, network).__module__)
    expected = application.preprocess_input(PIXELS.astype(np.float32))
    np.testing.assert_array_equal(Preprocessing.named(meant).apply(PIXELS), expected)


@pytest.mark.parametrize("name", ["rescale", "imagenet", "efficientnet-lite0", "MobileNetV4", "inception_v4", "1/255"])
def test_for_a_name_that_only_looks_alike_nothing_is_guessed(name: str) -> None:
    with pytest.raises(InvalidArgument, match="known are convnext.*; 'none' if the model.*or give numbers: a scale"):
        Preprocessing.named(name)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"scale": "x"},
        {"scale": True},
        {"scale": float("nan")},
        {"scale": 1e39},
        {"scale": []},
        {"scale": 1, "std": 2},
        {"mean": 1},
        {"mean": 0, "std": 0},
        {"mean": 0, "std": [1, 1e-60, 1]},
        3,
    ],
)
def test_what_is_no_preprocessing_is_refused(wrong: object) -> None:
    with pytest.raises(InvalidArgument, match="preprocessing"):
        Preprocessing.of(wrong)  # type: ignore[arg-type]


def test_numbers_must_fit_the_channels() -> None:
    with pytest.raises(InvalidArgument, match=r"scale has 2 values \[1.0, 2.0\], but images have 3 channels"):
        Preprocessing.scale_offset([1, 2]).check_channels(3)
    with pytest.raises(InvalidArgument, match=r"mean has 3 values \[.*\], but images have 1 channel: give 1 value$"):
        Preprocessing.mean_std([1, 2, 3], [1, 2, 3]).check_channels(1)
    with pytest.raises(InvalidArgument, match=r"std has 2 values .*: give 1 or 3 values$"):
        Preprocessing.mean_std([1], [1, 2]).check_channels(3)
    with pytest.raises(InvalidArgument, match="'vgg16' needs color 'rgb'"):
        Preprocessing.named("vgg16").check_channels(1)
