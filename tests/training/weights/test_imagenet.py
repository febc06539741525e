"""ImageNet's classes: their order, their names, and the groups of them."""

from __future__ import annotations

import pytest

from lightship.bundle.labels import read_classes
from lightship.errors import InvalidArgument
from lightship.training.weights.imagenet import IMAGENET, IMAGENET_CLASSES, imagenet_class


def test_a_thousand_different_names_can_be_the_labels_of_a_model() -> None:
    assert len(IMAGENET_CLASSES) == 1000
    assert read_classes(IMAGENET_CLASSES) == IMAGENET_CLASSES
    assert len({name.casefold() for name in IMAGENET_CLASSES}) == 1000


# Indices that other projects document, and those of the photos of foolbox, whose names were seen in the photos.
@pytest.mark.parametrize(
    ("index", "name"),
    [
        *((0, "tench"), (1, "goldfish"), (207, "golden retriever"), (243, "bull mastiff"), (281, "tabby")),
        *((388, "giant panda"), (436, "beach wagon"), (656, "minivan"), (817, "sports car"), (949, "strawberry")),
        *((134, "crane (wading bird)"), (517, "crane (lifting device)"), (985, "daisy"), (999, "toilet tissue")),
    ],
)
def test_an_index_has_the_name_of_its_class(index: int, name: str) -> None:
    assert IMAGENET_CLASSES[index] == name
    assert imagenet_class(name) == index


def test_synonyms_and_identifiers_are_found() -> None:
    assert imagenet_class("station wagon") == 436
    assert imagenet_class("n04285008") == imagenet_class("sport_car") == 817


def test_broader_terms_are_groups() -> None:
    assert [IMAGENET_CLASSES[index] for index in IMAGENET.find("car")] == [
        *("ambulance", "beach wagon", "cab", "convertible", "jeep", "limousine", "minivan", "Model T", "racer"),
        "sports car",
    ]
    assert IMAGENET.find("dog") == tuple(range(151, 269))


def test_a_word_for_several_classes_is_not_one_class() -> None:
    with pytest.raises(InvalidArgument, match="'crane' is a word for 2 classes"):
        imagenet_class("crane")
    with pytest.raises(InvalidArgument, match="'dog' stands for 118 classes"):
        imagenet_class("dog")
    with pytest.raises(InvalidArgument, match="did you mean 'sports car'"):
        imagenet_class("sportscar")


def test_the_files_carry_the_licence_of_their_words() -> None:
    from lightship.training.weights import imagenet

    folder = imagenet.Path(imagenet.__file__).parent
    for name in ("imagenet_classes.txt", "imagenet_groups.txt"):
        assert "WordNet 3.0 Copyright 2006 by Princeton University" in (folder / name).read_text()
