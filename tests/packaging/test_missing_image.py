"""An image classifier without an image spec is exported with a warning, and the version keeps why."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from tests.packaging.conftest import PETS, SPEC, classifier

from lightship.bundle.bundle import open_bundle
from lightship.bundle.golden import Golden
from lightship.bundle.manifest import MANIFEST_FILE
from lightship.bundle.missing_image import missing_image
from lightship.errors import InvalidArgument
from lightship.packaging import MissingImageSpecWarning, export
from lightship.packaging.arguments import named_as_options
from lightship.packaging.missing_image import is_image_classifier
from lightship.packaging.trained import ModelInput

PHOTOS = ModelInput((None, 16, 16, 3), "float32")
SOFTMAX = Golden({}, {"y": np.array([[0.25, 0.75], [1.0, 0.0]], np.float32)})
FEATURES = Golden({}, {"y": np.array([[0.5, -1.0], [2.0, 0.0]], np.float32)})


def no_image(version: Path) -> str | None:
    found: str | None = json.loads((version / MANIFEST_FILE).read_text()).get("no_image")
    return found


def advice(version: Path) -> str:
    return missing_image(open_bundle(version, "m", 1))


@pytest.mark.parametrize(
    ("one", "labels", "golden", "expected"),
    [
        (PHOTOS, None, SOFTMAX, True),
        (PHOTOS, ("a", "b"), FEATURES, True),
        (PHOTOS, ("a", "b"), None, True),
        (PHOTOS, None, FEATURES, False),
        (PHOTOS, None, None, False),
        (ModelInput((None, None, None, 1), "uint8"), None, SOFTMAX, True),
        (ModelInput((None, None, None, None), "float32"), ("a", "b"), SOFTMAX, True),
        (ModelInput((None, 3, 16, 16), "float32"), ("a", "b"), SOFTMAX, False),
        (ModelInput((None, 4), "float32"), ("a", "b"), SOFTMAX, False),
        (ModelInput((None, 16, 16, 3), "string"), ("a", "b"), SOFTMAX, False),
        (ModelInput(None, "float32"), ("a", "b"), SOFTMAX, False),
        (PHOTOS, None, Golden({}, {"y": np.ones((2, 1), np.float32)}), False),
        (PHOTOS, None, Golden({}, {"y": SOFTMAX.outputs["y"], "z": SOFTMAX.outputs["y"]}), False),
        (PHOTOS, None, Golden({}, {"y": np.full((2, 4, 4, 4), 0.25, np.float32)}), False),
        (PHOTOS, None, Golden({}, {"y": np.array([[0, 1], [1, 0]])}), False),
    ],
)
def test_which_models_are_image_classifiers(
    one: ModelInput, labels: tuple[str, ...] | None, golden: Golden | None, expected: bool
) -> None:
    assert is_image_classifier({"x": one}, labels, golden) is expected
    assert not is_image_classifier({"x": one, "z": one}, labels, golden)


def test_it_warns_in_the_words_of_python_and_the_version_keeps_it(model: keras.Model, tmp_path: Path) -> None:
    with pytest.warns(MissingImageSpecWarning) as caught:
        version = export(model, tmp_path / "pets", classes=PETS)
    text = str(caught[0].message)
    assert text.startswith(f"{version} was exported without preprocessing, so servers take only tensors")
    assert "such as image=ImageSpec(preprocessing='mobilenet_v2')" in text
    assert "; add family='tensorflow' to the ImageSpec if training used image_dataset_from_directory;" in text
    assert "image=False says that this is intended" in text
    assert "--" not in text
    assert caught[0].filename == __file__
    assert no_image(version) == "missing"
    assert advice(version).startswith("takes only tensors and refuses photos")
    assert "--preprocess NAME (in Python image=ImageSpec(...))" in advice(version)


def test_it_warns_in_the_words_of_the_command_line(model: keras.Model, tmp_path: Path) -> None:
    with named_as_options(), pytest.warns(MissingImageSpecWarning) as caught:
        version = export(model, tmp_path / "pets")
    text = str(caught[0].message)
    assert "such as --preprocess mobilenet_v2, or --preprocess none if the model does that itself" in text
    assert "--classes is missing too" in text
    assert "; add --family tensorflow if training used image_dataset_from_directory;" in text
    assert "--no-image says that this is intended" in text
    assert "image=" not in text
    assert "--classes FILE and --preprocess NAME" in advice(version)


def rescaling(first: Any) -> keras.Model:
    """A classifier that changes the pixels by its first layer; its answers differ much from image to image."""
    photo = keras.Input((16, 16, 3))
    return keras.Model(photo, classifier()(first(photo)))


def test_a_model_with_its_own_preprocessing_is_told_that_it_needs_none(tmp_path: Path) -> None:
    """Servers refuse photos for it all the same, and what to give is known."""
    with pytest.warns(
        MissingImageSpecWarning, match=r"give image=ImageSpec\(preprocessing='none'\), because the model"
    ):
        version = export(rescaling(keras.layers.Rescaling(2.0, offset=-1.0)), tmp_path / "pets", classes=PETS)
    assert "with --preprocess none (in Python image=ImageSpec(preprocessing='none'))" in advice(version)


@pytest.mark.parametrize("image", [SPEC, False], ids=["spec", "False"])
def test_nothing_is_said_if_it_is_given_or_intended(image: Any, model: keras.Model, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        version = export(model, tmp_path / "pets", classes=PETS, image=image)
    assert no_image(version) == (None if image else "intended")
    assert advice(version) == ""


def test_nothing_is_said_of_other_models(tmp_path: Path) -> None:
    layers = [keras.Input((4,)), keras.layers.Dense(2, "softmax")]
    with warnings.catch_warnings():
        warnings.simplefilter("error", MissingImageSpecWarning)
        version = export(keras.Sequential(layers), tmp_path / "flowers", classes=["a", "b"])
    assert no_image(version) is None
    assert advice(version) == ""


def test_an_image_spec_of_an_earlier_export_is_dropped_if_intended(pets: Path, tmp_path: Path) -> None:
    kept = export(pets / "1", tmp_path / "kept")
    dropped = export(pets / "1", tmp_path / "dropped", image=False)
    assert open_bundle(kept, "kept", 1).image is not None
    assert open_bundle(dropped, "dropped", 1).image is None


@pytest.mark.parametrize(
    ("image", "text"),
    [
        (
            True,
            "image is True; give an ImageSpec such as ImageSpec(preprocessing='mobilenet_v2'), a mapping of its fields",
        ),
        (0, "image is 0; give an ImageSpec"),
        ("", "image is ''; give an ImageSpec"),
        ("mobilnet", "image is 'mobilnet'; give an ImageSpec"),
        ("none", "image is 'none'; for the preprocessing of that name give image=ImageSpec(preprocessing='none')"),
        (["none"], "image is ['none']; give an ImageSpec"),
    ],
)
def test_other_values_are_refused_and_what_is_meant_is_said(
    image: Any, text: str, model: keras.Model, tmp_path: Path
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        export(model, tmp_path / "pets", image=image)
    assert refused.value.message.startswith(text)


def test_an_older_export_with_labels_is_recognised_too(model: keras.Model, tmp_path: Path) -> None:
    from dataclasses import replace

    from lightship.bundle.manifest import Manifest, write_manifest

    version = export(model, tmp_path / "pets", classes=PETS, image=False)
    write_manifest(version, replace(Manifest.read(version), no_image=""))
    assert advice(version).startswith("takes only tensors")


def test_a_dense_model_of_any_size_is_still_a_classifier(tmp_path: Path) -> None:
    with pytest.warns(MissingImageSpecWarning):
        export(classifier((None, None, 3)), tmp_path / "pets", classes=PETS)
