"""Several photos are classified in threads, in their order."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lightship.client import Classification
from lightship.errors import InvalidArgument, NotFound
from lightship.local.photos import for_each_photo


def named(photo: Any) -> Classification:
    return Classification((str(photo),), (1.0,), "m", 1)


def test_the_answers_are_in_the_order_of_the_photos() -> None:
    names = [f"{number}.jpg" for number in range(100)]
    assert [one.label for one in for_each_photo(names, named)] == names
    assert [one.label for one in for_each_photo(iter(names), named)] == names
    assert for_each_photo([], named) == []


def test_an_array_is_a_list_of_its_images() -> None:
    shapes: list[tuple[int, ...]] = []
    for_each_photo(np.zeros((3, 4, 5, 3), np.uint8), lambda photo: shapes.append(np.shape(photo)) or named("x"))
    assert shapes == [(4, 5, 3)] * 3


def test_an_iterator_is_read_as_photos_are_needed() -> None:
    taken, done = threading.Semaphore(0), []

    def photos() -> Iterator[str]:
        for number in range(1000):
            taken.release()
            yield str(number)

    def refuse(photo: Any) -> Classification:
        done.append(photo)
        raise NotFound("gone")

    with pytest.raises(NotFound):
        for_each_photo(photos(), refuse)
    count = 0
    while taken.acquire(blocking=False):
        count += 1
    assert count < 1000
    assert len(done) < 1000


def test_the_first_photo_that_fails_is_named_by_its_position_and_path() -> None:
    def classify(photo: Any) -> Classification:
        if photo in ("b.jpg", Path("c.jpg")):
            raise InvalidArgument("the image is truncated")
        if photo == b"d":
            raise InvalidArgument("the image is empty")
        return named(photo)

    for photos, text in (
        (["a.jpg", "b.jpg", Path("c.jpg")], "photos[1] (b.jpg): the image is truncated"),
        (["a.jpg", Path("c.jpg"), "b.jpg"], "photos[1] (c.jpg): the image is truncated"),
        ([b"d", "b.jpg"], "photos[0]: the image is empty"),
    ):
        with pytest.raises(InvalidArgument) as caught:
            for_each_photo(photos, classify)
        assert caught.value.message == text


def test_errors_can_stand_in_the_places_of_the_answers() -> None:
    def classify(photo: Any) -> Classification:
        if photo == "c.jpg":
            raise ValueError("a fault of the program")
        if photo == "b.jpg":
            raise InvalidArgument("the image is truncated")
        return named(photo)

    first, second, third = for_each_photo(["a.jpg", "b.jpg", "d.jpg"], classify, on_error="return")
    assert (first, third) == (named("a.jpg"), named("d.jpg"))
    assert isinstance(second, InvalidArgument)
    assert second.message == "photos[1] (b.jpg): the image is truncated"
    with pytest.raises(ValueError, match="a fault of the program"):
        for_each_photo(["a.jpg", "b.jpg", "c.jpg"], classify, on_error="return")
    with pytest.raises(InvalidArgument, match="on_error is 'skip'; give one of raise, return"):
        for_each_photo(["a.jpg"], classify, on_error="skip")  # type: ignore[arg-type]


def test_a_path_that_the_error_names_is_not_said_twice(tmp_path: Path) -> None:
    def classify(photo: Any) -> Classification:
        raise NotFound(f"{photo} does not exist")

    with pytest.raises(NotFound) as caught:
        for_each_photo([tmp_path / "a.jpg"], classify)
    assert caught.value.message == f"photos[0]: {tmp_path / 'a.jpg'} does not exist"


def test_an_error_of_the_iterator_is_raised() -> None:
    def photos() -> Iterator[str]:
        yield "a.jpg"
        raise ValueError("the disk is gone")

    with pytest.raises(ValueError, match="the disk is gone"):
        for_each_photo(photos(), named)


@pytest.mark.parametrize(
    "one", ["a.png", Path("a.png"), b"bytes", Image.new("L", (1, 1)), np.zeros((3, 4, 3), np.uint8), 3, None]
)
def test_what_is_no_list_of_photos_is_refused(one: Any) -> None:
    with pytest.raises(InvalidArgument, match="photos is .*, not a list of photos: give a list"):
        for_each_photo(one, named)
