"""ImageNet's classes: their order, their names, and the groups of them."""

from __future__ import annotations

import pytest

from lightship.bundle.labels import read_classes
from lightship.errors import InvalidArgument
from lightship.training.weights.imagenet import IMAGENET


def test_a_thousand_different_names_can_be_the_labels_of_a_model() -> None:
    assert len(IMAGENET.names) == 1000
    assert read_classes(IMAGENET.names) == IMAGENET.names
    assert len({name.casefold() for name in IMAGENET.names}) == 1000


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
    assert IMAGENET.names[index] == name
    assert IMAGENET.find(name) == (index,)


def test_synonyms_and_identifiers_are_found() -> None:
    assert IMAGENET.find("station wagon") == (436,)
    assert IMAGENET.find("n04285008") == IMAGENET.find("sport_car") == (817,)


def test_broader_terms_are_groups() -> None:
    assert [IMAGENET.names[index] for index in IMAGENET.find("car")] == [
        *("ambulance", "beach wagon", "cab", "convertible", "jeep", "limousine", "minivan", "Model T", "racer"),
        "sports car",
    ]
    assert IMAGENET.find("dog") == tuple(range(151, 269))


def test_a_word_for_several_classes_is_not_one_class() -> None:
    with pytest.raises(InvalidArgument, match="'crane' is a word for 2 classes"):
        IMAGENET.find("crane")
    with pytest.raises(InvalidArgument, match="did you mean 'sports car'"):
        IMAGENET.find("sportscar")


def test_the_files_carry_the_licence_of_their_words() -> None:
    from lightship.training.weights import imagenet

    folder = imagenet.Path(imagenet.__file__).parent
    for name in ("imagenet_classes.txt", "imagenet_groups.txt"):
        assert "WordNet 3.0 Copyright 2006 by Princeton University" in (folder / name).read_text()
