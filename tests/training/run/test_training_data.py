"""What is told of the photos that a training does not use, or cannot check."""

from __future__ import annotations

from pathlib import Path

from lightship.datasets import LabelledPhoto, PhotoSet, SkippedPhoto
from lightship.training.run.training_data import left_out_texts


def photo_set(valid: str, **changes: object) -> PhotoSet:
    """Returns a photo set of the classes a, b and c, of which those in `valid` have a photo for validation."""
    photos = [tuple(LabelledPhoto(Path(f"{part}/{name}.png"), name) for name in part) for part in ("abc", valid)]
    rest = {"unreadable": (), "rare": {}, "rare_kept": False, **changes}
    return PhotoSet(photos[0], photos[1], ("a", "b", "c"), **rest)  # type: ignore[arg-type]


def test_nothing_is_told_of_photos_that_are_all_used() -> None:
    assert list(left_out_texts(photo_set("abc"))) == []


def test_classes_without_a_validation_photo_are_named() -> None:
    assert list(left_out_texts(photo_set("ac"))) == ["1 class without a validation photo: b"]
    assert list(left_out_texts(photo_set("b"))) == ["2 classes without a validation photo: a, c"]


def test_skipped_files_and_rare_classes_are_told_with_the_reason() -> None:
    skipped = tuple(SkippedPhoto(Path(f"{number}.png"), "it is broken") for number in range(7))
    texts = list(left_out_texts(photo_set("abc", unreadable=skipped, rare={"d": 2})))
    assert texts[0].startswith("skipped 7 files: 0.png (it is broken), ")
    assert texts[0].endswith(" and 2 more")
    assert texts[1] == "left out 1 class with few photos: d (2 photos); --keep-rare keeps them"


def test_a_class_without_a_photo_that_can_be_used_is_left_out_also_with_keep_rare() -> None:
    rare = {"d": 2, "e": 0}
    assert list(left_out_texts(photo_set("abc", rare=rare, rare_kept=True))) == [
        "kept 1 class with few photos: d (2 photos)",
        "left out 1 class without a photo that can be used: e",
    ]
