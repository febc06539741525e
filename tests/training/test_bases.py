"""The networks that training can begin with, by their names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lightship.errors import InvalidArgument, NotFound
from lightship.images.preprocessing import Preprocessing
from lightship.images.spec import ImageSpec
from lightship.training.bases import BASE_NAMES, DEFAULT_SHAPE, find_base


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("ResNet", "resnet50v2"),
        ("ResNet50V2", "resnet50v2"),
        ("resnet50_v2", "resnet50v2"),
        ("VGG16", "vgg16"),
        ("VGG-16", "vgg16"),
        ("MobileNetV2", "mobilenetv2"),
        ("EFFICIENTNET-B0", "efficientnetb0"),
        ("EfficientNet-Lite0", "efficientnet-lite0"),
        ("efficientnet_lite0", "efficientnet-lite0"),
    ],
)
def test_a_name_is_found_however_it_is_written(name: str, found: str) -> None:
    assert find_base(name).name == found


@pytest.mark.parametrize(
    ("name", "preprocessing"),
    [
        ("resnet50v2", "resnet_v2"),
        ("vgg16", "vgg16"),
        ("mobilenetv2", "mobilenet_v2"),
        ("efficientnetb0", "efficientnet"),
        ("efficientnet-lite0", {"mean": 127.0, "std": 128.0}),
    ],
)
def test_each_has_its_own_preprocessing_and_size(name: str, preprocessing: object) -> None:
    base = find_base(name)
    assert base.preprocessing == Preprocessing.of(preprocessing)  # type: ignore[arg-type]
    assert base.shape == DEFAULT_SHAPE
    assert base.image_spec((96, 64, 3)) == ImageSpec(96, 64, resize="bilinear", preprocessing=preprocessing)  # type: ignore[arg-type]


def test_all_names_are_found() -> None:
    assert [find_base(name).name for name in BASE_NAMES] == list(BASE_NAMES)


def test_images_of_one_channel_are_grey() -> None:
    spec = find_base("resnet").image_spec((64, 64, 1))
    assert spec is not None
    assert spec.color == "grayscale"


def test_a_preprocessing_for_colours_refuses_another_number_of_channels() -> None:
    with pytest.raises(InvalidArgument, match="preprocessing 'vgg16' needs color 'rgb'"):
        find_base("vgg16").image_spec((64, 64, 1))
    with pytest.raises(InvalidArgument, match="give 1, 3 or 4 channels"):
        find_base("resnet").image_spec((64, 64, 2))


def test_a_wrong_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(InvalidArgument, match="no base called 'resnet50': did you mean 'resnet50v2'"):
        find_base("resnet50")
    with pytest.raises(InvalidArgument, match="no base called 'xyz': known are resnet50v2, .*Keras file"):
        find_base("xyz")
    with pytest.raises(InvalidArgument, match="base is 5"):
        find_base(5)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["missing.keras", Path("missing.h5")])
def test_a_file_that_does_not_exist_is_named(name: str | Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"missing\.\w+ does not exist"):
        find_base(tmp_path / name)


def test_a_models_folder_is_answered_with_its_newest_version(tmp_path: Path) -> None:
    for version in ("2", "10"):
        (tmp_path / "cars" / version).mkdir(parents=True)
    with pytest.raises(NotFound, match=r"cars is a model's folder: give one of its versions, such as .*10$"):
        find_base(tmp_path / "cars")
    with pytest.raises(NotFound, match=r"10 has no assets\.extra/model\.keras, which a version of lightship train"):
        find_base(tmp_path / "cars" / "10")


def test_a_file_has_no_image_spec_unless_it_is_in_a_version(tmp_path: Path) -> None:
    (tmp_path / "my.keras").write_bytes(b"PK")
    base = find_base(str(tmp_path / "my.keras"))
    assert (base.image, base.preprocessing, base.shape) == (None, None, None)
    assert base.image_spec((8, 8, 3)) is None


def test_names_are_found_without_tensorflow() -> None:
    code = (
        "import sys\nfrom lightship.training.bases import find_base\n"
        "find_base('ResNet'), find_base('efficientnet-lite0')\nassert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.tensorflow
def test_efficientnet_lite0_has_the_weights_of_its_file(lite0_file: Path) -> None:
    base = find_base("efficientnet-lite0")
    given, downloaded, random = (base.build((64, 64, 3), weights) for weights in (lite0_file, "imagenet", None))
    images = np.random.default_rng(1).uniform(-1, 1, (1, 64, 64, 3)).astype(np.float32)
    answers = [network.predict_on_batch(images) for network in (given, downloaded, random)]
    assert np.array_equal(answers[0], answers[1])
    assert not np.allclose(answers[0], answers[2])
