"""What `save` wrote is loaded again, answers alike, and can be trained further."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.training.small_models import PETS, labelled, small_network, write_photo

import lightship
from lightship.bundle.manifest import Manifest
from lightship.errors import DataLoss, FailedPrecondition, InvalidArgument, NotFound
from lightship.images.spec import ImageSpec
from lightship.training.network import with_classifier

SPEC = ImageSpec(16, 16, resize="bilinear", preprocessing="resnet_v2")
PIXELS, LABELS = labelled(4)
INPUTS = SPEC.preprocessing.apply(PIXELS)
KERAS_FILE = "assets.extra/model.keras"


@pytest.fixture(scope="module")
def transfer() -> lightship.TransferModel:
    model = lightship.TransferModel(with_classifier(small_network(), 3), PETS, SPEC)
    model.set_unfreeze(["block2"])
    model.compile(optimizer="adam", metrics=["categorical_accuracy"])
    model.train((INPUTS, LABELS), (INPUTS, LABELS), epochs=3, verbose=0)
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, transfer: lightship.TransferModel) -> Path:
    """`models/pets`: version 1 with the Keras model, version 2 without."""
    folder = tmp_path_factory.mktemp("models") / "pets"
    transfer.save(folder, explain=False)
    transfer.save(folder, explain=False, keep_keras=False)
    return folder


def test_a_loaded_version_answers_as_before(folder: Path, transfer: lightship.TransferModel) -> None:
    loaded = lightship.TransferModel().load(folder, version=1)
    assert loaded.classes == tuple(PETS)
    assert loaded.image == SPEC
    assert np.array_equal(loaded.predict(INPUTS), transfer.predict(INPUTS))
    assert repr(loaded.freeze) == repr(transfer.freeze)
    assert loaded.history == {}


def test_it_can_be_evaluated_and_trained_further_without_being_compiled_again(
    folder: Path, transfer: lightship.TransferModel
) -> None:
    loaded = lightship.TransferModel().load(folder / "1")
    assert loaded.evaluate((INPUTS, LABELS)) == pytest.approx(transfer.evaluate((INPUTS, LABELS)))
    before = loaded.evaluate((INPUTS, LABELS))["loss"]
    assert loaded.train((INPUTS, LABELS), epochs=3, verbose=0)["loss"][-1] < before


def test_the_keras_model_is_covered_by_the_manifest_and_has_no_state_of_the_optimizer(
    folder: Path, transfer: lightship.TransferModel
) -> None:
    assert Manifest.read(folder / "1").covers(KERAS_FILE)
    loaded = lightship.TransferModel().load(folder / "1")
    assert int(loaded.model.optimizer.iterations) == 0
    assert int(transfer.model.optimizer.iterations) > 0


def test_a_changed_file_is_refused(folder: Path, tmp_path: Path) -> None:
    import shutil

    version = Path(shutil.copytree(folder / "1", tmp_path / "pets" / "1"))
    (version / KERAS_FILE).write_bytes((version / KERAS_FILE).read_bytes()[:-1])
    with pytest.raises(DataLoss, match=r"model\.keras has \d+ bytes"):
        lightship.TransferModel().load(version)


def test_a_version_without_the_keras_model_can_predict_only(folder: Path, transfer: lightship.TransferModel) -> None:
    assert not (folder / "2" / KERAS_FILE).exists()
    loaded = lightship.TransferModel().load(folder)
    assert np.allclose(loaded.predict(INPUTS), transfer.predict(INPUTS), atol=1e-6)
    loaded.compile()
    with pytest.raises(FailedPrecondition, match="no weights to train"):
        loaded.train((INPUTS, LABELS), verbose=0)


def test_what_can_predict_only_is_saved_again_without_the_keras_model(folder: Path, tmp_path: Path) -> None:
    version = lightship.TransferModel().load(folder).save(tmp_path / "again")
    assert not (version / KERAS_FILE).exists()
    again = lightship.TransferModel().load(version)
    assert np.allclose(again.predict(INPUTS), lightship.TransferModel().load(folder).predict(INPUTS), atol=1e-6)


def test_a_server_answers_as_the_loaded_model(folder: Path, tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "photo.png", PIXELS[1])
    model = lightship.TransferModel().load(folder / "1")
    scores = model.predict_from_jpeg_path(photo, proba=True)
    with lightship.load(folder / "1") as served:
        answer = served.classify_image(photo, top=3)
    assert answer.label == model.predict_from_jpeg_path(photo)
    assert sorted(answer.scores) == pytest.approx(sorted(scores), abs=1e-5)


def test_a_loaded_version_begins_another_training(folder: Path) -> None:
    model = lightship.TransferModel(base=folder / "1", classes=["a", "b"])
    assert model.image == SPEC
    assert [layer.name for layer in model.freeze if layer.trains] == ["transfer_classes"]
    assert model.predict(INPUTS).shape == (12, 2)


def test_a_keras_file_keeps_classes_and_spec_that_were_given(folder: Path, transfer: lightship.TransferModel) -> None:
    loaded = lightship.TransferModel(classes=PETS, image=SPEC).load(folder / "1" / KERAS_FILE)
    assert (loaded.classes, loaded.image) == (PETS, SPEC)
    assert np.array_equal(loaded.predict(INPUTS), transfer.predict(INPUTS))


def test_what_is_not_there_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="has no version 7: it has 1, 2"):
        lightship.TransferModel().load(folder, version=7)
    with pytest.raises(NotFound, match="nothing"):
        lightship.TransferModel().load(tmp_path / "nothing")
    with pytest.raises(InvalidArgument, match="version is 'x'"):
        lightship.TransferModel().load(folder, version="x")  # type: ignore[arg-type]


def test_a_failed_load_changes_nothing(folder: Path, tmp_path: Path) -> None:
    model = lightship.TransferModel().load(folder / "1")
    before = model.model
    with pytest.raises(NotFound):
        model.load(tmp_path / "nothing")
    assert model.model is before
    assert model.classes == tuple(PETS)


def test_the_manifest_says_nothing_new(folder: Path) -> None:
    """Servers of an earlier Lightship read the version: the Keras model is a file like others."""
    with_keras, without = (json.loads((folder / one / "assets.extra" / "lightship.json").read_text()) for one in "12")
    assert set(with_keras) == set(without)
