"""`TransferModel` with a base: the methods of the series of posts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.optimizers import Adam
from tests.training.small_models import PETS, SIZE, labelled, small_base, write_photo

import lightship
from lightship import TransferModel
from lightship.errors import FailedPrecondition, InvalidArgument, NotFound
from lightship.images.prepare import prepare
from lightship.images.spec import ImageSpec

PIXELS, LABELS = labelled(2)
SPEC = ImageSpec(SIZE, SIZE, resize="bilinear", preprocessing="resnet_v2")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_base(tmp_path_factory.mktemp("bases"))


@pytest.fixture(scope="module")
def model(base: Path) -> TransferModel:
    keras.utils.set_random_seed(1)
    return TransferModel(base=base, classes=PETS, image={"resize": "bilinear", "preprocessing": "resnet_v2"})


@pytest.mark.slow
def test_the_methods_of_the_series_work_together(tmp_path: Path) -> None:
    """ResNet50V2 with random weights, on photos of 32 x 32, from training to a version that is loaded again."""
    classes = ["amarok", "beetle", "golf"]
    photos, labels = labelled(2, size=32)
    keras.utils.set_random_seed(1)
    model = TransferModel(base="ResNet", shape=(32, 32, 3), classes=classes, unfreeze="all", weights=None)

    def dataset() -> tf.data.Dataset:
        pairs = tf.data.Dataset.from_tensor_slices((photos, labels)).batch(3)
        return pairs.map(lambda images, labels: (model.preprocess(images), labels))

    # Eagerly, because tracing so many layers would take longer than running them on a few small photos.
    how: dict[str, Any] = {"metrics": ["categorical_accuracy"], "run_eagerly": True}
    model.compile(loss="categorical_crossentropy", optimizer=Adam(1e-4), **how)
    history = model.train(ds_train=dataset(), ds_valid=dataset(), epochs=2, class_weights={"golf": 2.0}, verbose=0)
    assert len(history["val_loss"]) == len(history.history["categorical_accuracy"]) == 2
    assert set(model.evaluate(ds_test=dataset())) == {"loss", "categorical_accuracy"}
    probabilities = model.predict(dataset(), proba=True)
    assert probabilities.shape == (6, 3)
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert np.array_equal(model.predict(dataset(), proba=False), probabilities.argmax(axis=1))
    photo = write_photo(tmp_path / "photo.png", photos[0])
    assert model.predict_from_jpeg_path(photo, classes) == classes[int(probabilities[0].argmax())]
    assert model.predict_from_array(photos[0], classes) == classes[int(probabilities[0].argmax())]
    version = model.save(tmp_path / "models" / "cars", explain=False)
    loaded = TransferModel().load(tmp_path / "models" / "cars")
    assert version.name == "1"
    assert np.allclose(loaded.predict(dataset()), probabilities, atol=1e-6)


def test_it_has_the_classes_the_shape_and_the_image_spec(model: TransferModel) -> None:
    assert model.classes == tuple(PETS)
    assert model.shape == (SIZE, SIZE, 3)
    assert model.image == SPEC
    assert repr(model) == f"TransferModel(Functional 'small', classes: 3 ('cat', 'dog', 'bär'), image: {SPEC!r})"


def test_only_the_classifier_trains_unless_more_is_given(base: Path, model: TransferModel) -> None:
    assert [layer.name for layer in model.freeze if layer.trains] == ["transfer_classes"]
    more = TransferModel(base=base, classes=PETS, unfreeze=["block2"])
    assert [layer.name for layer in more.freeze if layer.trains] == ["block2_conv", "block2_bn", "transfer_classes"]
    assert more.set_unfreeze("all").trainable_weights == more.freeze.trainable_weights > 400


def test_classes_may_be_a_file_or_a_mapping(base: Path, tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("".join(f"{name}\n" for name in PETS), encoding="utf-8")
    assert TransferModel(base=base, classes=tmp_path / "classes.txt").classes == tuple(PETS)
    assert TransferModel(base=base, classes={"dog": 1, "cat": 0}).classes == ("cat", "dog")


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"base": "resnet"}, InvalidArgument, "classes are missing"),
        ({"base": "resnett", "classes": PETS}, InvalidArgument, "did you mean 'resnet"),
        ({"base": "my.keras", "classes": PETS}, NotFound, "my.keras does not exist"),
        ({"base": "resnet", "classes": PETS, "shape": (224, 224)}, InvalidArgument, r"shape is \(224, 224\)"),
        ({"base": "resnet", "classes": ["a", "a"]}, InvalidArgument, "occur more than once"),
        ({"base": "resnet", "classes": PETS, "model": 1}, InvalidArgument, "model and base are both given"),
        ({"base": "resnet", "classes": PETS, "image": {"fit": "cropp"}}, InvalidArgument, "fit is 'cropp'"),
        ({"shape": (224, 224, 3)}, InvalidArgument, "give base"),
        ({"weights": None}, InvalidArgument, "give base"),
        ({"base": "resnet", "clases": PETS}, TypeError, "unexpected option 'clases': did you mean 'classes'"),
        ({"bas": "resnet"}, TypeError, "unexpected option 'bas': did you mean 'base'"),
    ],
)
def test_what_does_not_fit_is_refused(arguments: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        TransferModel(**arguments)


def test_a_photo_is_prepared_as_a_server_does_it(model: TransferModel, tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "größer.png", np.kron(PIXELS[2], np.ones((3, 2, 1), np.uint8)))
    scores = model.predict_from_jpeg_path(str(photo), proba=True)
    expected = model.predict(prepare(photo.read_bytes(), SPEC)[np.newaxis])[0]
    assert isinstance(scores, np.ndarray)
    assert np.allclose(scores, expected, atol=1e-6)
    assert model.predict_from_jpeg_path(photo) == PETS[int(expected.argmax())]
    assert model.predict_from_jpeg_path(photo, ["x", "y", "z"]) == "xyz"[int(expected.argmax())]


def test_an_array_is_the_input_itself_or_pixels(model: TransferModel) -> None:
    expected = model.predict(SPEC.preprocessing.apply(PIXELS[:1]))[0]
    for array in (SPEC.preprocessing.apply(PIXELS[0]), SPEC.preprocessing.apply(PIXELS[:1]), PIXELS[0]):
        assert np.allclose(model.predict_from_array(array, proba=True), expected, atol=1e-6)
    assert model.predict_from_array(PIXELS[0]) == PETS[int(expected.argmax())]
    twice = np.repeat(np.repeat(PIXELS[0], 2, axis=0), 2, axis=1)
    assert np.allclose(model.predict_from_array(twice, proba=True), expected, atol=1e-2)


def test_arrays_and_photos_that_do_not_fit_are_refused(model: TransferModel, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"an array of shape \(8, 16, 3\) is not one image for this model"):
        model.predict_from_array(np.zeros((8, 16, 3), np.float32))
    with pytest.raises(InvalidArgument, match=r"an array of shape \(2, 16, 16, 3\) is not one image"):
        model.predict_from_array(np.zeros((2, 16, 16, 3), np.float32))
    with pytest.raises(InvalidArgument, match="there are 2 classes, but the model has 3 outputs"):
        model.predict_from_array(PIXELS[0], ["a", "b"])
    with pytest.raises(NotFound, match=r"missing\.jpg does not exist"):
        model.predict_from_jpeg_path(tmp_path / "missing.jpg")
    (tmp_path / "empty.jpg").write_bytes(b"")
    with pytest.raises(InvalidArgument, match=r"empty\.jpg: "):
        model.predict_from_jpeg_path(tmp_path / "empty.jpg")


def test_without_an_image_spec_photos_are_refused_and_arrays_are_not(base: Path, tmp_path: Path) -> None:
    model = TransferModel(base=base, classes=PETS)
    assert model.image is None
    with pytest.raises(FailedPrecondition, match=r"give TransferModel\(image=ImageSpec\(preprocessing=\.\.\.\)\)"):
        model.predict_from_jpeg_path(write_photo(tmp_path / "photo.png", PIXELS[0]))
    with pytest.raises(FailedPrecondition, match="the model has no image spec, so it cannot preprocess"):
        model.preprocess(PIXELS)
    assert model.predict_from_array(PIXELS[0] / np.float32(255)) in PETS


def test_preprocess_does_the_same_to_arrays_and_tensors(model: TransferModel) -> None:
    expected = SPEC.preprocessing.apply(PIXELS)
    assert np.array_equal(model.preprocess(PIXELS), expected)
    assert np.array_equal(model.preprocess(tf.constant(PIXELS)).numpy(), expected)


def test_a_model_of_a_file_is_read_when_it_is_needed(base: Path, model: TransferModel, tmp_path: Path) -> None:
    model.model.save(tmp_path / "trained.keras")
    read = TransferModel(tmp_path / "trained.keras", PETS, SPEC)
    assert "trained.keras" in repr(read)
    inputs = SPEC.preprocessing.apply(PIXELS)
    assert np.array_equal(read.predict(inputs), model.predict(inputs))
    assert read.classes == PETS


def test_without_a_model_every_method_says_so() -> None:
    nothing = lightship.TransferModel()
    for call in (
        nothing.compile,
        lambda: nothing.predict(PIXELS),
        lambda: nothing.freeze,
        lambda: nothing.train(PIXELS),
    ):
        with pytest.raises(AttributeError, match="^Model does not exist$"):
            call()
