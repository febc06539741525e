"""A general classifier gives the probabilities of photos in their order, and says what is wrong with the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import lightship
from lightship.client import Classification
from lightship.errors import FailedPrecondition, InvalidArgument, LightshipError, NotFound, TooLarge
from lightship.training import general
from lightship.training.general import GeneralClassifier, general_classifier, model_classifier


@pytest.fixture(scope="module")
def small(explained_model: Path) -> Iterator[GeneralClassifier]:
    """Five classes."""
    with model_classifier(explained_model) as classifier:
        yield classifier


def test_a_model_gives_its_own_probabilities(
    small: GeneralClassifier, explained_model: Path, photos: list[Path]
) -> None:
    rows = small.probabilities(photos[:3])
    assert (rows.shape, rows.dtype) == ((3, 5), np.float32)
    with lightship.load(explained_model) as model:
        assert small.classes == model.classes
        for photo, row in zip(photos, rows, strict=False):
            best = model.classify_image(photo, top=5)
            assert [small.classes[index] for index in np.argsort(-row, kind="stable")[:3]] == list(best.labels[:3])
            np.testing.assert_allclose(np.sort(row)[::-1], best.scores, atol=1e-6)


def test_photos_that_cannot_be_read_are_errors_in_their_place(
    small: GeneralClassifier, photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "text.jpg").write_text("no photo")
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "half.jpg").write_bytes(photos[0].read_bytes()[:2000])
    with (tmp_path / "large.jpg").open("wb") as file:
        file.truncate(photos[0].stat().st_size * 100)
    monkeypatch.setattr(general, "MAX_PHOTO_BYTES", photos[0].stat().st_size * 50)
    monkeypatch.setattr(general, "BATCH_SIZE", 2)
    names = ["text.jpg", "empty.jpg", "half.jpg", "large.jpg", "nowhere.jpg"]
    broken = [tmp_path / name for name in names]
    answers = list(small.answers([photos[0], *broken, photos[1]]))
    np.testing.assert_array_equal(np.stack([answers[0], answers[-1]]), small.probabilities(photos[:2]))
    errors = answers[1:-1]
    assert [type(error) for error in errors] == [InvalidArgument, InvalidArgument, InvalidArgument, TooLarge, NotFound]
    for path, error in zip(broken, errors, strict=True):
        assert isinstance(error, LightshipError)
        assert error.message.count(str(path)) == 1


def test_probabilities_are_of_all_photos_or_an_error(small: GeneralClassifier, tmp_path: Path) -> None:
    assert small.probabilities([]).shape == (0, 5)
    with pytest.raises(NotFound, match=r"nowhere.jpg does not exist"):
        small.probabilities([tmp_path / "nowhere.jpg"])


def test_a_model_without_classes_cannot_be_one(half_plus_two: Path) -> None:
    with pytest.raises(FailedPrecondition, match="was exported without classes"):
        model_classifier(half_plus_two)


def test_scores_that_are_not_probabilities_are_refused(small: GeneralClassifier, photos: list[Path]) -> None:
    class Logits(general._Exported):
        def __init__(self) -> None:
            self.name, self._indices = "logits", {"a": 0, "b": 1}

            class Model:
                def classify_image(self, photo: bytes, top: int) -> object:
                    return Classification(("b", "a"), (3.5, -1.25), "logits", 1)

            self._model = Model()  # type: ignore[assignment]

    classifier = GeneralClassifier(Logits(), general.ClassWords(["a", "b"]))
    with pytest.raises(FailedPrecondition, match=r"go from -1.25 to 3.5, so they are not probabilities"):
        next(classifier.answers(photos[:1]))


@pytest.mark.tensorflow
def test_the_usual_one_knows_the_classes_of_imagenet(lite0_file: Path, dog_photo: Path, photos: list[Path]) -> None:
    classifier = general_classifier(lite0_file)
    rows = classifier.probabilities([dog_photo, *photos[:2]])
    assert rows.shape == (3, 1000)
    assert classifier.classes[rows[0].argmax()] == "bull mastiff"
    assert rows[0, list(classifier.words.find("dog"))].sum() > 0.9
