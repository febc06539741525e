"""Asks about several photos at once, in threads, and returns the answers in the order of the photos."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from lightship.client.parallel import in_order
from lightship.client.photo_list import ListedPhoto, listed
from lightship.client.photos import Photo
from lightship.processors import available_cpus

T = TypeVar("T")


def for_each_photo(photos: Iterable[Photo], answer: Callable[[Photo], T], method: str = "classify_image") -> list[T]:
    """Returns the answer to each photo, in their order. A photo that comes from an iterator is taken when it is needed.

    `answer` is called by one thread per processor. method: the one for a single photo, for an error. Raises
    InvalidArgument if one photo was given instead of several, and the error of the first photo that fails, with its
    position and path; then no further photo is asked about.
    """

    def answer_one(one: ListedPhoto) -> T:
        try:
            return answer(one.photo)
        except Exception as error:
            one.name_in(error)
            raise

    return list(in_order(answer_one, listed(photos, method), available_cpus(), always_finish=True))
