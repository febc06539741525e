"""`TransferModel` with a model that was trained elsewhere: the classic way to hand one over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import pytest
from tests.packaging.conftest import PETS, SPEC, classifier, entries

import lightship
from lightship.bundle.bundle import open_bundle


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return classifier()


def test_it_saves_one_version_after_the_other(tmp_path: Path, model: keras.Model) -> None:
    transfer = lightship.TransferModel(model, PETS, image=SPEC)
    assert transfer.save(str(tmp_path / "pets")) == tmp_path / "pets" / "1"
    assert transfer.save(tmp_path / "pets", version=5) == tmp_path / "pets" / "5"
    assert entries(tmp_path / "pets") == {"1", "5"}
    assert open_bundle(tmp_path / "pets" / "5", "pets", 5).labels == tuple(PETS)


@pytest.mark.parametrize("transfer", [lightship.TransferModel(), lightship.TransferModel(None, PETS)])
def test_without_a_model_there_is_an_attribute_error(tmp_path: Path, transfer: lightship.TransferModel) -> None:
    with pytest.raises(AttributeError, match="^Model does not exist$"):
        transfer.save(tmp_path / "pets")
    assert entries(tmp_path) == set()


def test_it_shows_the_model_the_classes_and_the_image_spec(model: keras.Model) -> None:
    shown = lightship.TransferModel(model, [f"<{number}>" for number in range(7)], image=SPEC)
    assert repr(shown) == (
        f"TransferModel({type(model).__name__} {model.name!r}, classes: 7 ('<0>', '<1>', '<2>', '<3>', '<4>', 2 more), "
        f"image: {SPEC!r})"
    )
    assert "&lt;0&gt;" in shown._repr_html_()
    assert "<0>" not in shown._repr_html_()


@pytest.mark.parametrize(
    ("transfer", "text"),
    [
        (lightship.TransferModel(), "TransferModel(no model, classes: none, image: none)"),
        (
            lightship.TransferModel("my.keras", Path("classes.txt")),
            "TransferModel('my.keras', classes: 'classes.txt', image: none)",
        ),
        (
            lightship.TransferModel("my.keras", {"cat": 0, "dog": 1}),
            "TransferModel('my.keras', classes: 2 ('cat', 'dog'), image: none)",
        ),
    ],
)
def test_what_is_missing_or_a_file_is_shown_too(transfer: lightship.TransferModel, text: str) -> None:
    assert repr(transfer) == text


@pytest.mark.parametrize("function", [lightship.export, lightship.TransferModel])
def test_an_option_that_does_not_exist_is_refused_with_the_nearest(function: Any) -> None:
    with pytest.raises(TypeError, match=rf"{function.__name__}\(\) got an unexpected option 'clases': did you mean"):
        function("m.keras", "models/m", clases=["a"])
