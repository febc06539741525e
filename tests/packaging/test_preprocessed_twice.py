"""A model that preprocesses pixels itself is exported with a warning if its image spec does so too."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import keras
import pytest
from tests.packaging.conftest import PETS, classifier

from lightship.images.preprocessing import Preprocessing
from lightship.images.spec import ImageSpec
from lightship.packaging import PreprocessedTwiceWarning, export
from lightship.packaging.arguments import named_as_options
from lightship.packaging.preprocessed_twice import preprocesses_twice, warn_of_preprocessing_twice


@pytest.fixture(scope="module")
def rescaling() -> keras.Model:
    """A classifier that takes pixels from 0 to 255 and scales them itself."""
    photo = keras.Input((16, 16, 3))
    return keras.Model(photo, classifier()(keras.layers.Rescaling(1 / 127.5, offset=-1)(photo)))


@pytest.mark.parametrize(
    ("preprocessing", "changed"),
    [
        ("mobilenet_v2", True),
        ("resnet50", True),
        ({"scale": 1 / 255}, True),
        ({"mean": [1, 2, 3], "std": 1}, True),
        ("none", False),
        ("efficientnet", False),  # the model contains its preprocessing
        ({"scale": 1, "offset": 0}, False),
        ({"mean": 0, "std": 1}, False),
    ],
)
def test_which_preprocessing_changes_pixels_before_the_model_does(preprocessing: Any, changed: bool) -> None:
    assert preprocesses_twice(Preprocessing.of(preprocessing), scales_pixels=True) is changed
    assert not preprocesses_twice(Preprocessing.of(preprocessing), scales_pixels=False)


def test_the_export_warns_in_the_words_of_python(rescaling: keras.Model, tmp_path: Path) -> None:
    with pytest.warns(PreprocessedTwiceWarning) as caught:
        version = export(rescaling, tmp_path / "pets", classes=PETS, image=ImageSpec(preprocessing={"scale": 0.5}))
    (text,) = (str(one.message) for one in caught if one.category is PreprocessedTwiceWarning)
    assert text == (
        f"{version} preprocesses the pixels of photos twice, so its answers may be wrong: "
        "image=ImageSpec(preprocessing={'scale': 0.5, 'offset': 0.0}) does so, and then the first layers of the model "
        "do: export it again with image=ImageSpec(preprocessing='none'), unless training did both"
    )
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("preprocessing", "option"),
    [
        ("mobilenet_v2", "--preprocess mobilenet_v2"),
        ({"scale": 2}, "--scale"),
        ({"mean": 1, "std": 2}, "--mean with --std"),
    ],
)
def test_the_command_is_warned_in_its_own_words(preprocessing: Any, option: str) -> None:
    with named_as_options(), pytest.warns(PreprocessedTwiceWarning) as caught:
        warn_of_preprocessing_twice(Path("models/pets/1"), Preprocessing.of(preprocessing), depth=1)
    text = str(caught[0].message)
    assert f": {option} does so, and then the first layers of the model do: " in text
    assert "export it again with --preprocess none, unless training did both" in text
    assert "image=" not in text


@pytest.mark.parametrize("own", [False, True])
def test_nothing_is_said_where_one_of_both_leaves_the_pixels(
    own: bool, model: keras.Model, rescaling: keras.Model, tmp_path: Path
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", PreprocessedTwiceWarning)
        spec = ImageSpec(preprocessing="none" if own else "mobilenet_v2")
        export(rescaling if own else model, tmp_path / "pets", classes=PETS, image=spec)
