"""The golden sample tells models apart, on images and on anything else a model takes."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.packaging.conftest import SPEC

from lightship.errors import FailedPrecondition, InvalidArgument, NotFound
from lightship.images.spec import ImageSpec
from lightship.packaging.golden_sample import MAX_IMAGES, encode_png, image_files, noise_images, take_golden
from lightship.packaging.signatures import ImageSignatures
from lightship.packaging.trained import Arrays, ModelInput


class Sums:
    """A trained model that adds up each row of its first input."""

    labels = image = None

    def __init__(self, least: int = 0, **inputs: ModelInput) -> None:
        self.inputs: Mapping[str, ModelInput] = inputs
        self.least = least

    def run(self, inputs: Arrays) -> dict[str, Any]:
        first = next(iter(inputs.values()))
        if min(first.shape[1:], default=self.least) < self.least:
            raise ValueError(f"too small\nfor {self.least}")
        return {"sum": first.reshape(len(first), -1).sum(1)}

    def write(self, folder: Path, image: ImageSignatures | None) -> None:
        raise NotImplementedError


def quietly(step: str) -> None:
    pass


def test_noise_pictures_differ_and_are_the_same_each_time() -> None:
    first, second = noise_images(SPEC.sized(17, 23))
    assert first.shape == (17, 23, 3)
    assert first.dtype == np.uint8
    assert np.abs(first.astype(int) - second).mean() > 30
    np.testing.assert_array_equal(noise_images(SPEC.sized(17, 23))[1], second)


@pytest.mark.parametrize("color", ["grayscale", "rgb", "rgba"])
def test_a_picture_survives_as_png(color: str) -> None:
    from lightship.images.prepare import prepare

    spec = ImageSpec(height=9, width=7, color=color, preprocessing="none")
    (picture,) = noise_images(spec, 1)
    np.testing.assert_array_equal(prepare(encode_png(picture), spec), picture)


def test_noise_goes_through_the_preprocessing(photos: list[Path]) -> None:
    trained = Sums(x=ModelInput((None, 8, 8, 3), "float32"))
    golden = take_golden(trained, SPEC.sized(8, 8), None, quietly)
    assert golden is not None
    assert golden.inputs["x"].shape == (2, 8, 8, 3)
    assert -1 <= golden.inputs["x"].min() < -0.5 < 0.5 < golden.inputs["x"].max() <= 1
    with_one = take_golden(trained, SPEC.sized(8, 8), [photos[0], photos[0]], quietly)
    assert with_one is not None
    assert len(with_one.inputs["x"]) == 3  # one picture twice, and noise, so that two differ


@pytest.mark.parametrize(
    ("shape", "dtype", "wanted"),
    [
        ((None, 4), "float32", (2, 4)),
        ((None, 4), "int64", (2, 4)),
        ((None, 4), "bool", (2, 4)),
        ((None,), "bfloat16", (2,)),
        ((3, 4), "float32", (3, 4)),
        ((None, None, 5), "float64", (2, 32, 5)),
    ],
)
def test_other_models_get_noise_of_their_shape_and_type(
    shape: tuple[int, ...], dtype: str, wanted: tuple[int, ...]
) -> None:
    golden = take_golden(Sums(x=ModelInput(shape, dtype)), None, None, quietly)
    assert golden is not None
    assert (golden.inputs["x"].shape, golden.inputs["x"].dtype.name) == (wanted, dtype)


def test_a_model_of_large_inputs_gets_large_ones() -> None:
    golden = take_golden(Sums(100, x=ModelInput((None, None), "float32")), None, None, quietly)
    assert golden is not None
    assert golden.inputs["x"].shape == (2, 224)


@pytest.mark.parametrize(
    ("trained", "text"),
    [
        (Sums(x=ModelInput((None,), "string")), "are not known"),
        (Sums(x=ModelInput(None, "float32")), "are not known"),
        (Sums(1000, x=ModelInput((None, None), "float32")), "fails on random inputs (too small)"),
    ],
)
def test_without_a_golden_sample_the_reason_is_reported(trained: Sums, text: str) -> None:
    reported: list[str] = []
    assert take_golden(trained, None, None, reported.append) is None
    assert text in reported[0]


def test_images_are_named_by_file_or_folder(tmp_path: Path, photos: list[Path]) -> None:
    for number, photo in enumerate(photos[:3]):
        shutil.copyfile(photo, tmp_path / f"{number}.JPG")
    (tmp_path / "notes.txt").touch()
    assert image_files(str(tmp_path)) == [tmp_path / f"{number}.JPG" for number in range(3)]
    assert image_files([tmp_path / "1.JPG", tmp_path]) == [tmp_path / f"{number}.JPG" for number in (1, 0, 1, 2)]
    assert len(image_files([tmp_path] * 5)) == MAX_IMAGES


def test_images_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"no\.jpg"):
        image_files(tmp_path / "no.jpg")
    with pytest.raises(InvalidArgument, match="contains no image for the golden sample"):
        image_files(tmp_path)


def test_an_image_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no image")
    with pytest.raises(InvalidArgument, match=r"a\.jpg: the image is not JPEG, PNG"):
        take_golden(Sums(x=ModelInput((None, 8, 8, 3), "float32")), SPEC.sized(8, 8), tmp_path, quietly)


def test_a_model_that_fails_on_its_images_is_reported_with_their_size() -> None:
    trained = Sums(100, x=ModelInput((None, None, None, 3), "float32"))
    with pytest.raises(InvalidArgument, match=r"fails on images of \(8, 9\): too small; check height"):
        take_golden(trained, SPEC.sized(8, 9), None, quietly)


def test_a_model_whose_answers_are_not_numbers_is_refused() -> None:
    trained = Sums(x=ModelInput((None, 8, 8, 3), "float32"))
    trained.run = lambda inputs: {"scores": np.full((2, 3), np.nan)}  # type: ignore[method-assign]
    with pytest.raises(FailedPrecondition, match=r"each image .* with NaN.*training probably diverged"):
        take_golden(trained, SPEC.sized(8, 8), None, quietly)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_a_model_of_texts_without_its_vocabulary_is_refused(tmp_path: Path) -> None:
    import keras

    import lightship

    words = keras.layers.TextVectorization(50, output_sequence_length=6)
    words.adapt(["the cat sat"])
    text = keras.Input((), dtype="string", name="text")
    found = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(50, 4)(words(text)))
    model = keras.Model(text, keras.layers.Dense(2)(found))
    model.save(tmp_path / "text.h5")
    model.save(tmp_path / "text.keras")
    with pytest.raises(FailedPrecondition, match=r"answers nothing: .*not initialized.*call adapt\(\).*as \.keras"):
        lightship.export(tmp_path / "text.h5", tmp_path / "h5")
    assert not (tmp_path / "h5").exists()
    assert lightship.export(tmp_path / "text.keras", tmp_path / "keras").name == "1"
